// What a server may say on a connection that lies idle, or instead of an answer, and what that costs.
#include "support/net/blocking_tls_server.hpp"
#include "support/net/running.hpp"

#include <asio/ip/tcp.hpp>
#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})");
std::string const receipt = http(200, R"({"offsets":[{"partition":0,"offset":7}]})");

/// False when the client has gone.
bool read_request(SSL* tls)
{
    std::string input;
    std::array<char, 16384> part{};
    while (input.find("\r\n\r\n") == std::string::npos) {
        std::size_t count = 0;
        if (SSL_read_ex(tls, part.data(), part.size(), &count) != 1)
            return false;
        input.append(part.data(), count);
    }
    // All requests here are small: a body comes in the same record.
    return true;
}

void write(SSL* tls, std::string const& bytes)
{
    std::size_t count = 0;
    SSL_write_ex(tls, bytes.data(), bytes.size(), &count);
}

/// When a server asks for another handshake, on its first connection.
enum class moment : unsigned char
{
    idle,    // when the first request is answered
    request, // when it has the second one
};

/// Serves everything but asks once for what only its version of TLS knows: a new handshake (1.2), new keys
/// (1.3).
class restless_server : public blocking_tls_server
{
public:
    restless_server(int version, moment when)
        : blocking_tls_server(
              [version](SSL_CTX* context) { SSL_CTX_set_max_proto_version(context, version); },
              [this, when](SSL* tls, net::ip::tcp::socket&, std::size_t number) {
                  serve(tls, when, number == 0);
              })
    {}

private:
    void serve(SSL* tls, moment when, bool first)
    {
        if (SSL_accept(tls) != 1)
            return;
        for (int request = 0; read_request(tls); ++request) {
            if (first && when == moment::request && request == 1) {
                ask(tls);
                continue; // what the client says to that comes first
            }
            write(tls, answer);
            if (first && when == moment::idle && request == 0)
                ask(tls);
        }
        SSL_shutdown(tls);
    }

    void ask(SSL* tls)
    {
        if (SSL_version(tls) == TLS1_2_VERSION)
            SSL_renegotiate(tls);
        else
            SSL_key_update(tls, SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(tls);
        tick();
    }
};

} // namespace

TEST_CASE("a connection on which the server wants to negotiate anew while it is idle is not used again")
{
    restless_server const server(TLS1_2_VERSION, moment::idle);
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    CHECK(run(io, client.topics()).good());
    server.wait_for_ticks();
    // Over the old one it would be lost in the middle, and nobody would know whether it was done.
    CHECK(run(io, client.topics()).good());
    CHECK(server.connections() == 2);
}

TEST_CASE("new keys of TLS 1.3 are nothing that a connection is given up for")
{
    restless_server const server(TLS1_3_VERSION, moment::idle);
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    CHECK(run(io, client.topics()).good());
    server.wait_for_ticks();
    CHECK(run(io, client.topics()).good());
    CHECK(server.connections() == 1);
}

TEST_CASE(
    "a read that meets the wish to negotiate anew is made again over a new connection, a produce is not")
{
    for (bool const reads : {true, false}) {
        CAPTURE(reads);
        restless_server const server(TLS1_2_VERSION, moment::request);
        net::io_context io;
        hk::client const client(io.get_executor(), options_for(server.endpoint()));
        CHECK(run(io, client.topics()).good());
        if (reads) {
            CHECK(run(io, client.topics()).good());
            CHECK(server.connections() == 2);
            continue;
        }
        hk::error const failure = run(io, client.produce("orders", hk::records("v"))).error();
        CHECK(failure.code() == hk::errc::tls_failed);
        CHECK(failure.info().persisted() == hk::persistence::possibly);
        CHECK(server.connections() == 1);
    }
}

TEST_CASE("408 on a connection that lay idle says that the request was not had: a produce goes once more")
{
    std::string const late = http(408, "{}", "Connection: close\r\n");
    std::vector<script> scripts(1, script().serve(answer).serve(late));
    scripts.push_back(script().serve(receipt).forever());
    scripted_server const server(std::move(scripts));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    CHECK(run(io, client.topics()).good());
    CHECK(run(io, client.produce("orders", hk::records("v"))).good());
    CHECK(server.connections() == 2);
}

TEST_CASE("408 on a connection made for the request leaves a produce in doubt")
{
    std::string const late = http(408, "{}", "Connection: close\r\n");
    scripted_server const fresh(script().serve(late));
    net::io_context io;
    hk::client const first(io.get_executor(), options_for(fresh.endpoint()));
    hk::error const unknown = run(io, first.produce("orders", hk::records("v"))).error();
    CHECK(unknown.code() == hk::errc::service_failed);
    CHECK(unknown.info().persisted() == hk::persistence::possibly);
    CHECK(fresh.connections() == 1);
}

TEST_CASE("a connection on which something other than TLS arrives while it is idle is not used again")
{
    gate const later;
    gate const sent;
    class rude_server : public blocking_tls_server
    {
    public:
        rude_server(gate when, gate done)
            : blocking_tls_server([](SSL_CTX*) {},
                                  [when, done](SSL* tls, net::ip::tcp::socket& socket, std::size_t number) {
                                      if (SSL_accept(tls) != 1)
                                          return;
                                      while (read_request(tls)) {
                                          write(tls, answer);
                                          if (number != 0)
                                              continue;
                                          when.wait();
                                          std::error_code ignored;
                                          socket.write_some(net::buffer("HTTP/1.1 408 Late\r\n\r\n", 21),
                                                            ignored);
                                          done.open();
                                      }
                                  })
        {}
    };
    rude_server const server(later, sent);
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    CHECK(run(io, client.topics()).good());
    later.open();
    sent.wait();
    CHECK(run(io, client.topics()).good());
    CHECK(server.connections() == 2);
}
