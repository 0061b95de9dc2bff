"""A small mail server for tests: SMTP with STARTTLS and AUTH PLAIN; keeps what it took, refuses as it is told."""
import base64
import email
import email.policy
import socketserver
import ssl
import threading


class Mailbox:
    """mails: parsed messages with .recipients. refuse: a reply to RCPT instead of 250 ("550 no such user")."""

    def __init__(self, certificate=None, key=None, user=None, password=None):
        self.mails, self.refuse, self.drop, self.seen_tls, self.user, self.password = [], None, 0, False, user, password
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate, key)
        box = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    Session(box, self.request).run()
                except (OSError, EOFError):
                    pass

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Session:
    def __init__(self, box, sock):
        self.box, self.sock, self.tls, self.known, self.recipients = box, sock, False, False, []
        self.file = sock.makefile("rb")

    def say(self, text):
        self.sock.sendall(text.encode() + b"\r\n")

    def line(self):
        line = self.file.readline(65536)
        if not line:
            raise EOFError
        return line.rstrip(b"\r\n")

    def run(self):
        self.say("220 mailbox")
        while True:
            words = self.line().decode().split(" ", 1)
            verb = words[0].upper()
            if verb == "QUIT":
                return self.say("221 bye")
            getattr(self, "do_" + verb.lower(), self.do_unknown)(words[1] if len(words) > 1 else "")

    def do_unknown(self, _):
        self.say("502 no such command")

    def do_ehlo(self, _):
        more = ["STARTTLS"] if self.box.context and not self.tls else []
        more += ["AUTH PLAIN"] if self.box.user and self.tls else []
        for one in ["mailbox"] + more:
            self.sock.sendall(b"250-" + one.encode() + b"\r\n")
        self.say("250 8BITMIME")

    def do_starttls(self, _):
        self.say("220 go ahead")
        self.sock = self.box.context.wrap_socket(self.sock, server_side=True)
        self.file = self.sock.makefile("rb")
        self.tls = self.box.seen_tls = True

    def do_auth(self, rest):
        words = rest.split()
        if len(words) == 1:
            self.say("334 ")
            words.append(self.line().decode())
        self.known = base64.b64decode(words[1]).split(b"\0")[1:] == [self.box.user.encode(), self.box.password.encode()]
        self.say("235 welcome" if self.known else "535 who are you")

    def do_mail(self, _):
        if self.box.user and not self.known:
            return self.say("530 say who you are")
        self.recipients = []
        self.say("250 ok")

    def do_rcpt(self, rest):
        if self.box.refuse:
            return self.say(self.box.refuse)
        self.recipients.append(rest.split("<")[1].split(">")[0])
        self.say("250 ok")

    def do_data(self, _):
        self.say("354 go on")
        lines = []
        while (line := self.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        if self.box.drop:
            self.box.drop -= 1
            raise EOFError
        mail = email.message_from_bytes(b"\r\n".join(lines), policy=email.policy.default)
        mail.recipients = self.recipients
        self.box.mails.append(mail)
        self.say("250 taken")
