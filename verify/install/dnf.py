# {mark} dnf": before dnf installs packages it asks hallmark-verify.
# Taken back by "hallmark-verify uninstall dnf".
import os
import resource
import shutil
import subprocess

import dnf
import dnf.exceptions
import dnf.transaction

PROGRAM = "{program}"
MAX_SIGNATURE = 1 << 20


class Hallmark(dnf.Plugin):
    name = "hallmark"

    def pre_transaction(self):
        # Of what a plugin raises only dnf's own errors stop dnf; it logs all others and goes on.
        try:
            self.ask()
        except dnf.exceptions.Error:
            raise
        except BaseException as e:
            raise dnf.exceptions.Error("hallmark: packages could not be judged: %r" % (e,))

    def ask(self):
        packages = [i.pkg for i in self.base.transaction or () if i.action in dnf.transaction.FORWARD_ACTIONS]
        if not packages:
            return
        files = []
        for package in packages:
            file = os.path.abspath(package.localPkg())
            self.get_signature(package, file)
            files.append(os.fsencode(file))
        asked = subprocess.run([PROGRAM, "hook", "dnf"], input=b"".join(f + b"\0" for f in files))
        if asked.returncode != 0:
            raise dnf.exceptions.Error("hallmark: refused, nothing is installed (hallmark-verify said %d)" % asked.returncode)

    def get_signature(self, package, file):
        """Gets FILE.p7s from beside the package, if dnf downloaded that. What cannot be had is not there to judge."""
        if package._is_local_pkg():
            return
        url = package.remote_location()
        if not url or "?" in url or "#" in url:
            return
        beside = file + ".p7s"
        try:
            if self.download(url + ".p7s", package.repo, beside + ".new"):
                os.replace(beside + ".new", beside)
            elif os.path.lexists(beside):
                os.unlink(beside)
        finally:
            if os.path.lexists(beside + ".new"):
                os.unlink(beside + ".new")

    def download(self, url, repo, to):
        """Downloads into a file, and says whether there was something. dnf knows no bound
        for that, and who answers may go on for ever: so a child does it, whose files cannot grow beyond one."""
        pid = os.fork()
        if pid == 0:
            failed = 1
            try:
                # Python ignores SIGXFSZ: the write that goes too far fails, and with it the download.
                resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_SIGNATURE, MAX_SIGNATURE))
                with self.base.urlopen(url, repo=repo) as response, open(to, "wb") as f:
                    shutil.copyfileobj(response, f)
                failed = 0
            finally:
                os._exit(failed)
        _, failed = os.waitpid(pid, 0)
        return failed == 0 and os.path.getsize(to) > 0
