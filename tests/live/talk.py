#!/usr/bin/env python3
"""Two ends that talk through a box, and what became of it.

    talk.py serve ADDRESS PORT                  a Modbus device: reads and writes are answered
    talk.py ask ADDRESS PORT [-r RATE] [-f N]   a Modbus client: reads, one write in ten, every Nth request
                                                a write to a register that the policy forbids
    talk.py count ADDRESS PORT                  takes numbered datagrams
    talk.py number ADDRESS PORT [-r RATE]       sends them

All go on until SIGTERM, and then print one line of JSON; "ask" prints one at SIGUSR1 too, of the time
since the last. Times are microseconds.
"""

import argparse
import json
import signal
import socket
import struct
import sys
import threading
import time

FORBIDDEN, REGISTER = 5000, 10
ended = False


def on_term(*_):
    global ended
    ended = True


def say(**what):
    print(json.dumps(what), flush=True)


def exactly(s, n):
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            raise ConnectionError("the other end closed the connection")
        data += part
    return data


def message(s):
    """Transaction and PDU of the next Modbus message (MBAP: Modbus Messaging on TCP/IP 3.1.3)."""
    transaction, protocol, length, _ = struct.unpack("!HHHB", exactly(s, 7))
    if protocol != 0 or not 2 <= length <= 254:
        raise ConnectionError(f"no Modbus: protocol {protocol}, length {length}")
    return transaction, exactly(s, length - 1)


def put(s, transaction, pdu):
    s.sendall(struct.pack("!HHHB", transaction, 0, len(pdu) + 1, 1) + pdu)


def device(s, wrote):
    try:
        while True:
            transaction, pdu = message(s)
            if pdu[0] == 3:
                count = struct.unpack("!H", pdu[3:5])[0]
                put(s, transaction, struct.pack("!BB", 3, 2 * count) + bytes(2 * count))
            elif pdu[0] == 6:
                wrote[struct.unpack("!H", pdu[1:3])[0]] = wrote.get(struct.unpack("!H", pdu[1:3])[0], 0) + 1
                put(s, transaction, pdu)
            else:
                put(s, transaction, bytes((pdu[0] | 0x80, 1)))
    except OSError:
        s.close()


def serve(args):
    wrote = {}
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((args.address, args.port))
    s.listen(64)
    s.settimeout(0.2)
    print("listening", flush=True)
    while not ended:
        try:
            c, _ = s.accept()
        except TimeoutError:
            continue
        c.settimeout(None)
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=device, args=(c, wrote), daemon=True).start()
    say(forbidden=wrote.get(FORBIDDEN, 0), written=sum(wrote.values()))


class Times:
    def __init__(self):
        self.lock, self.took, self.gap, self.count, self.refused, self.let_through = \
            threading.Lock(), [], 0, 0, 0, 0

    def add(self, took, gap, forbidden, refused):
        with self.lock:
            self.count += 1
            self.refused += refused
            self.let_through += bool(forbidden) and not refused
            self.took.append(took)
            self.gap = max(self.gap, gap)

    def take(self):
        with self.lock:
            took, gap, self.took, self.gap = sorted(self.took), self.gap, [], 0
            at = lambda part: round(took[int((len(took) - 1) * part)] * 1e6, 1) if took else 0
            return {"count": len(took), "refused": self.refused, "let_through": self.let_through, "median": at(0.5), "p99": at(0.99),
                    "p999": at(0.999), "max": at(1), "gap": round(gap * 1e6)}


def ask(args):
    s = socket.create_connection((args.address, args.port), timeout=10)
    s.settimeout(args.patience)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print("connected", flush=True)
    times = Times()
    signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=lambda: say(**times.take())).start())
    n, why, last = 0, None, time.monotonic()
    due = last
    while not ended:
        n += 1
        forbidden = args.forbidden and n % args.forbidden == 0
        if forbidden or n % 10 == 0:
            pdu = struct.pack("!BHH", 6, FORBIDDEN if forbidden else REGISTER, n & 0xFFFF)
        else:
            pdu = struct.pack("!BHH", 3, n % 100, 1 + n % 20)
        begun = time.monotonic()
        try:
            put(s, n & 0xFFFF, pdu)
            transaction, answer = message(s)
        except OSError as e:
            why = str(e)
            break
        now = time.monotonic()
        refused = answer[0] & 0x80
        if transaction != n & 0xFFFF or (refused and not forbidden):
            why = f"request {n} ({pdu.hex()}) was answered by {transaction}: {answer.hex()}"
            break
        times.add(now - begun, now - last, forbidden, bool(refused))
        last = now
        due = max(due + 1 / args.rate, now - 0.01)
        time.sleep(max(0, due - time.monotonic()))
    say(whole=why is None, why=why, **{**times.take(), "count": times.count})
    return 0 if why is None else 1


def count(args):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    s.bind((args.address, args.port))
    s.settimeout(0.2)
    print("listening", flush=True)
    seen, twice, late, highest = bytearray(10_000_000), 0, 0, -1
    while not ended:
        try:
            n = struct.unpack("!Q", s.recv(64)[:8])[0]
        except TimeoutError:
            continue
        twice += seen[n]
        late += n < highest
        seen[n] = 1
        highest = max(highest, n)
    say(received=sum(seen), twice=twice, late=late, lost=highest + 1 - sum(seen))


def number(args):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((args.address, args.port))
    n, due = 0, time.monotonic()
    while not ended:
        try:
            s.send(struct.pack("!Q", n) + bytes(40))
            n += 1
        except OSError:  # nobody listens there (any more), or the interface is down
            pass
        due = max(due + 1 / args.rate, time.monotonic() - 0.01)
        time.sleep(max(0, due - time.monotonic()))
    say(sent=n)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=["serve", "ask", "count", "number"])
    p.add_argument("address")
    p.add_argument("port", type=int)
    p.add_argument("-r", "--rate", type=float, default=500)
    p.add_argument("-f", "--forbidden", type=int, default=0)
    p.add_argument("-p", "--patience", type=float, default=60, help="seconds to wait for an answer")
    args = p.parse_args()
    signal.signal(signal.SIGTERM, on_term)
    return globals()[args.what](args)


if __name__ == "__main__":
    sys.exit(main())
