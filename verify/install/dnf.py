# {mark} dnf": before dnf installs packages it asks hallmark-verify.
# Taken back by "hallmark-verify uninstall dnf".
import os
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
        try:
            with self.base.urlopen(url + ".p7s", repo=package.repo) as response:
                signature = response.read(MAX_SIGNATURE + 1)
        except IOError:
            signature = b""
        beside = file + ".p7s"
        if not signature:
            if os.path.lexists(beside):
                os.unlink(beside)
            return
        with open(beside + ".new", "wb") as f:
            f.write(signature)
        os.replace(beside + ".new", beside)
