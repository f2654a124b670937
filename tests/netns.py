"""A network namespace without a name, so that nothing can be left over: it lives as long as the object."""

import ctypes
import os
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


class Namespace:
    def __init__(self, what):
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.what = what
        self.fd = -1
        try:
            if LIBC.unshare(CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            self.fd = os.open("/proc/self/ns/net", os.O_RDONLY)
        finally:
            LIBC.setns(own, CLONE_NEWNET)
            os.close(own)

    def enter(self):
        if LIBC.setns(self.fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def run(self, *cmd, feed=None, check=True, cwd=None):
        return subprocess.run(cmd, input=feed, preexec_fn=self.enter, check=check, capture_output=True, text=True,
                              timeout=60, cwd=cwd)

    def call(self, f):
        """f() within the namespace: what it opens stays there."""
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        try:
            self.enter()
            return f()
        finally:
            LIBC.setns(own, CLONE_NEWNET)
            os.close(own)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1
