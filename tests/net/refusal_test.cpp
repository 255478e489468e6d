// A server of TLS 1.3 that refuses the client when that has finished its part of the handshake and sends
// already: the alert is what is reported, whatever else the connection met.
#include "support/net/blocking_tls_server.hpp"
#include "support/net/running.hpp"

#include <asio/ip/tcp.hpp>
#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <string>

using namespace test;

namespace {

/// What the server does when it has refused.
enum class leaving : unsigned char
{
    close, // which resets the connection when something is unread
    reset,
    stay, // and reads, until the client goes
};

/// Wants a certificate of the test's trusted authority from its clients, says so by an alert to everybody who
/// has none, and leaves, which is its tick.
class demanding_server : public blocking_tls_server
{
public:
    explicit demanding_server(leaving how, int version = TLS1_3_VERSION)
        : blocking_tls_server(
              [version](SSL_CTX* context) { demand(context, version); },
              [this, how](SSL* tls, net::ip::tcp::socket& socket, std::size_t) { refuse(tls, socket, how); })
    {}

private:
    static void demand(SSL_CTX* context, int version)
    {
        SSL_CTX_set_max_proto_version(context, version);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        auto const trusted = certificate_in(authorities::get().trusted_pem());
        REQUIRE(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), trusted.get()) == 1);
    }

    void refuse(SSL* tls, net::ip::tcp::socket& socket, leaving how)
    {
        bool const accepted = SSL_accept(tls) == 1;
        if (how == leaving::reset)
            socket.set_option(net::socket_base::linger(true, 0));
        if (how != leaving::stay)
            socket.close();
        if (!accepted)
            tick();
        if (how == leaving::stay)
            drain(socket);
    }
};

/// The client's next step after the handshake comes when the server has left.
void wait_for_server(SSL const* connection, int where, int)
{
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0)
        static_cast<demanding_server const*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)))
            ->wait_for_ticks();
}

/// Who asks, and when.
struct visit
{
    std::string name;
    leaving how;
    bool late;      // sends when the server has left
    bool stranger;  // has a certificate, of an authority that the server does not know
    std::size_t mb; // how much it sends
};

hk::tls_options trust_of(visit const& one, demanding_server& server)
{
    auto const prepare = [&one, &server](SSL_CTX* context) {
        if (one.stranger)
            show(context, authorities::get().make(certificate::untrusted));
        SSL_CTX_set_app_data(context, &server);
        if (one.late)
            SSL_CTX_set_info_callback(context, &wait_for_server);
    };
    return hk::tls_options().ca_pem(authorities::get().trusted_pem()).configure(prepare);
}

hk::records batch(std::size_t mb)
{
    hk::records out("v");
    for (std::size_t i = 0; i != 4 * mb; ++i)
        out.push_back(hk::record(std::string(256 * 1024, 'x')));
    return out;
}

std::size_t cases()
{
    char const* const text = std::getenv("HDIKAFKA_CASES");
    return text ? std::stoul(text) : 200;
}

bool says(hk::error const& failure, std::string const& words)
{
    return std::string(failure.what()).find(words) != std::string::npos;
}

} // namespace

TEST_CASE(
    "the alert of a server that refuses the client late is reported every time, and nothing was written")
{
    visit const visits[] = {
        {"no certificate, at once", leaving::close, false, false, 0},
        {"no certificate, when the server has closed", leaving::close, true, false, 0},
        {"no certificate, when the server has reset", leaving::reset, true, false, 0},
        {"no certificate, in the middle of much", leaving::close, false, false, 4},
        {"no certificate, much to one who has reset", leaving::reset, true, false, 4},
        {"no certificate, much to one who stays", leaving::stay, false, false, 4},
        {"unknown authority, at once", leaving::reset, false, true, 0},
        {"unknown authority, when the server has closed", leaving::close, true, true, 4},
        {"unknown authority, when the server has reset", leaving::reset, true, true, 0},
        {"unknown authority, to one who stays", leaving::stay, true, true, 0},
    };
    std::size_t const each = std::max<std::size_t>(1, cases() / std::size(visits));
    std::size_t told = 0;
    for (visit const& one : visits) {
        CAPTURE(one.name);
        demanding_server server(one.how);
        net::io_context io;
        hk::client const client(
            io.get_executor(),
            options_for(server.endpoint()).tls(trust_of(one, server)).retry(quickly(3)).idle_timeout(1h));
        hk::records const what = batch(one.mb);
        for (std::size_t i = 0; i != each; ++i) {
            hk::error const failure = run(io, client.produce("orders", what)).error();
            CAPTURE(failure.what());
            CHECK(failure.code() == hk::errc::tls_failed);
            CHECK(says(failure, one.stranger ? "alert 'unknown ca'" : "alert 'certificate required'"));
            CHECK(says(failure, server.address() + ": the server refused"));
            CHECK_FALSE(failure.info().retriable());
            CHECK(failure.info().persisted() == hk::persistence::none);
            told += failure.code() == hk::errc::tls_failed ? 1 : 0;
        }
        CHECK(server.connections() == each);
        CHECK(run(io, client.topics()).code() == hk::errc::tls_failed);
        CHECK(server.connections() == each + 1);
    }
    MESSAGE("of ", each * std::size(visits), " refusals the alert was told of ", told);
}

TEST_CASE("in TLS 1.2 the server refuses within the handshake, and its alert is told as well")
{
    visit const one{"", leaving::reset, false, false, 0};
    demanding_server server(one.how, TLS1_2_VERSION);
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint()).tls(trust_of(one, server)).retry(quickly(3)));
    hk::error const failure = run(io, client.produce("orders", hk::records("v"))).error();
    CAPTURE(failure.what());
    CHECK(failure.code() == hk::errc::tls_failed);
    CHECK(says(failure, "alert 'handshake failure'"));
    CHECK(failure.info().persisted() == hk::persistence::none);
    CHECK(server.connections() == 1);
}
