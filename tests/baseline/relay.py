"""A host between two others of a switch: it takes their frames, alters them, and sends them on.

    relay = Relay(own, one, other, alter, label)     the two now send each other's frames to own
    relay.leave()

alter(frame) changes a bytearray that holds an Ethernet frame with TCP; its checksum is put right. The frames come and
go on a real interface; that the victims believe the ARP answers is arranged by writing their neighbour tables.
"""

import select
import socket
import struct

from stage import ETH_P_ALL, PACKET_IGNORE_OUTGOING, SOL_PACKET, mac


class Relay:
    def __init__(self, own, one, other, alter, label):
        self.own, self.pair, self.alter, self.label = own, (one, other), alter, label
        self.way = {mac(one.mac): mac(other.mac), mac(other.mac): mac(one.mac)}
        self.s = own.ns.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)))
        self.s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.s.bind(("eth0", ETH_P_ALL))
        self.s.setblocking(False)
        self.believe(own, own)

    def believe(self, first, second):
        """Each of the two takes these hosts' MACs for the other's."""
        one, other = self.pair
        for victim, peer, hardware in ((one, other, first.mac), (other, one, second.mac)):
            victim.ns.run("ip", "neigh", "replace", peer.address, "lladdr", hardware, "dev", "eth0")

    def leave(self):
        one, other = self.pair
        self.believe(other, one)
        self.s.close()

    def between(self, conn):
        return {conn.client, conn.device} == set(self.pair)

    def forward(self, wait):
        """wait: until a frame with data has come."""
        while True:
            try:
                frame = bytearray(self.s.recv(2048))
            except BlockingIOError:
                if not wait:
                    return
                if not select.select([self.s], [], [], 20)[0]:
                    raise AssertionError("nothing comes to the host in the middle") from None
                continue
            onward = self.way.get(bytes(frame[6:12]))
            if frame[12:14] != b"\x08\x00" or not onward or frame[23] != 6:
                continue
            frame[0:12] = onward + mac(self.own.mac)
            head = 34 + (frame[46] >> 4) * 4
            end = 14 + (frame[16] << 8 | frame[17])
            if end > head:
                self.alter(frame)
                wait = False
            frame[50:52] = b"\x00\x00"
            tcp = bytes(frame[34:end])
            pseudo = bytes(frame[26:34]) + struct.pack(">HH", 6, len(tcp)) + tcp + b"\x00" * (len(tcp) % 2)
            total = sum(struct.unpack(f">{len(pseudo) // 2}H", pseudo))
            total = (total & 0xFFFF) + (total >> 16)
            struct.pack_into(">H", frame, 50, ~(total + (total >> 16)) & 0xFFFF)
            self.own.raw.send(frame)
