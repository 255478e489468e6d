"""A TCP relay that loses what is sent from some byte on, as a network may, for the checks of this folder."""
import socket
import threading


class Relay:
    """From a port of its own to that one. What a program that is killed has sent, its system would deliver all
    the same; here it is gone."""

    def __init__(self, port, budget):
        self.to, self.budget, self.lost, self.sockets = port, budget, 0, []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for one in self.sockets:
                one.close()

    def accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.to))
            with self.lock:
                self.sockets += near, far
            threading.Thread(target=self.pump, args=(near, far, self.allowed), daemon=True).start()
            threading.Thread(target=self.pump, args=(far, near, len), daemon=True).start()

    def allowed(self, part):
        with self.lock:
            count = min(len(part), self.budget)
            self.budget -= count
            self.lost += len(part) - count
            return count

    @staticmethod
    def pump(source, sink, allowed):
        try:
            while part := source.recv(65536):
                sink.sendall(part[:allowed(part)])
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # closed
