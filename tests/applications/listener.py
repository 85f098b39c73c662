"""The same application behind mod_proxy_ajp, mod_proxy_scgi or mod_proxy_uwsgi: what their protocols bring is what it was told.

Arguments: ajp, scgi or uwsgi, and the port to listen on.
"""

import socketserver
import struct
import sys

import application

# The attributes of AJP13 that have numbers in place of names, as far as they are strings.
ATTRIBUTES = {3: "REMOTE_USER", 4: "AUTH_TYPE", 5: "QUERY_STRING"}
NAMED, KEY_SIZE, END = 10, 11, 255


def shown(told):
    return application.page(told, told.get("X509_USER_PROXY"))


class Scgi(socketserver.StreamRequestHandler):
    def handle(self):
        length = b""
        while (byte := self.rfile.read(1)) != b":":
            length += byte
        fields = self.rfile.read(int(length)).decode().split("\0")
        page = shown(dict(zip(fields[::2], fields[1::2])))
        self.wfile.write(b"Status: 200 OK\r\nContent-Type: text/html\r\n\r\n" + page)


class Uwsgi(socketserver.StreamRequestHandler):
    def handle(self):
        length = struct.unpack("<xHx", self.rfile.read(4))[0]
        rest, fields = self.rfile.read(length), []
        while rest:
            end = 2 + struct.unpack_from("<H", rest)[0]
            fields.append(rest[2:end].decode())
            rest = rest[end:]
        page = shown(dict(zip(fields[::2], fields[1::2])))
        self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + page)


class Ajp(socketserver.StreamRequestHandler):
    def handle(self):
        while packet := self.packet():
            if packet[0] == 10:
                self.send(b"\x09")
            elif packet[0] == 2:
                page = shown(Request(packet).told())
                header = string("Content-Type") + string("text/html")
                self.send(b"\x04" + struct.pack(">H", 200) + string("OK") + struct.pack(">H", 1) + header)
                for start in range(0, len(page), 8000):
                    chunk = page[start:start + 8000]
                    self.send(b"\x03" + struct.pack(">H", len(chunk)) + chunk + b"\0")
                self.send(b"\x05\x01")

    def packet(self):
        head = self.rfile.read(4)
        return self.rfile.read(struct.unpack(">2sH", head)[1]) if len(head) == 4 else b""

    def send(self, payload):
        self.wfile.write(b"AB" + struct.pack(">H", len(payload)) + payload)


class Request:
    """A request of AJP13: https://tomcat.apache.org/connectors-doc/ajp/ajpv13a.html"""

    def __init__(self, packet):
        self.rest = packet[2:]

    def told(self):
        told = {}
        for _ in ("protocol", "URI", "address", "host", "server"):
            self.string()
        self.take(3)
        for _ in range(self.number()):
            name = self.header_name()
            told["HTTP_" + name.upper().replace("-", "_")] = self.string()
        while (code := self.take(1)[0]) != END:
            if code == KEY_SIZE:
                self.take(2)
                continue
            name = self.string() if code == NAMED else ATTRIBUTES.get(code, f"ATTRIBUTE_{code}")
            told[name] = self.string()
        return told

    def header_name(self):
        return f"coded-{self.number():x}" if self.rest[0] == 0xA0 else self.string()

    def string(self):
        length = self.number()
        return None if length == 0xFFFF else self.take(length + 1)[:-1].decode()

    def number(self):
        return struct.unpack(">H", self.take(2))[0]

    def take(self, count):
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken


def string(text):
    return struct.pack(">H", len(text)) + text.encode() + b"\0"


if __name__ == "__main__":
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    handler = {"ajp": Ajp, "scgi": Scgi, "uwsgi": Uwsgi}[sys.argv[1]]
    socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[2])), handler).serve_forever()
