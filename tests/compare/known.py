"""A disagreement between kidoban and tshark that has been looked into."""

import collections


class Known(collections.namedtuple("Known", "path test right why")):
    """Where (part of the path), what (test of a frame and of what is left there of kidoban's and of
    tshark's items), who is right ("kidoban", "tshark", "either"), and why they differ."""

    def explains(self, path, frame, left, right):
        return (left or right) and self.path in path and self.test(frame, left, right)
