// What a user reads when no connection stands, or one is lost: whom it was with, what happened, what to look
// at.
#include "support/faults/resolver.hpp"
#include "support/net/full_listener.hpp"
#include "support/net/running.hpp"
#include "support/net/tunnel_proxy.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})");

hk::tls_options trusting() { return hk::tls_options().ca_pem(authorities::get().trusted_pem()); }

bool says(std::string const& text, std::string const& words) { return text.find(words) != std::string::npos; }

/// What one reads of a call with these options.
std::string words(hk::client_options const& options)
{
    net::io_context io;
    hk::client const client(io.get_executor(), options);
    hk::error const failure = run(io, client.topics()).error();
    std::string text = failure.what();
    check_what(failure, "topics");
    std::printf("  %s\n", text.c_str());
    return text;
}

/// Of a server with this certificate.
std::string refusal(certificate shown, hk::tls_options trust, std::string const& host = "127.0.0.1")
{
    scripted_server const server(script().serve(answer), shown);
    std::string text = words(options_for(server.endpoint(host)).tls(std::move(trust)));
    CHECK(says(text, host + ":" + std::to_string(server.port()) + ": the server's certificate"));
    return text;
}

/// "2026-11-30", so many days from now.
std::string day(int from_now)
{
    auto const then =
        std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()) + std::chrono::days(from_now);
    std::chrono::year_month_day const date(then);
    char text[16];
    std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    return text;
}

} // namespace

TEST_CASE("every failure of a connection names host and port")
{
    script const stalled = script().read().stall();
    struct
    {
        std::string name;
        script doing;
        std::optional<certificate> shown;
        std::string words; // behind the address, or before it
    } const rows[] = {
        {"closed before an answer", script().read(), certificate::good, ": the connection ended before an"},
        {"closed in plain", script().read(), std::nullopt, ": the connection ended before an answer came"},
        {"cut below TLS", script().read().fin(), certificate::good, ": the connection was cut without"},
        {"reset", script().read().send("HTTP/1.1 2").reset(), std::nullopt, ": Connection reset by peer"},
        {"no HTTP", script().read().send("SSH-2.0\r\n"), certificate::good,
         ": the peer's answer is not HTTP"},
        {"http to an https port", script().taste().send("\x15\x03\x03"), std::nullopt,
         ": the peer seems to speak TLS"},
        {"https to an http port", script().taste().send(http(400, "")), std::nullopt,
         ": the server does not speak TLS (wrong version number)"},
        {"closed in the handshake", script().taste(), std::nullopt,
         ": the server closed the connection during the TLS handshake"},
    };
    for (auto const& row : rows) {
        CAPTURE(row.name);
        bool const tls =
            row.shown || row.name == "https to an http port" || says(row.name, "in the handshake");
        scripted_server const server(row.doing, row.shown);
        std::string const address = "127.0.0.1:" + std::to_string(server.port());
        std::string const text =
            words(options_for((tls ? "https://" : "http://") + address).allow_plain_http_to_loopback());
        CHECK(says(text, address + row.words));
    }
}

TEST_CASE("what takes too long, and what is not there, names host and port, too")
{
    auto const soon = [](std::string const& endpoint) {
        return options_for(endpoint).connect_timeout(20ms).idle_timeout(20ms);
    };
    full_listener const full;
    std::string const nobody = full.endpoint().substr(8);
    CHECK(says(words(soon(full.endpoint())), "connecting to " + nobody));

    scripted_server const mute(script().without_handshake().stall());
    std::string const silent = "127.0.0.1:" + std::to_string(mute.port());
    CHECK(says(words(soon(mute.endpoint())), "negotiating TLS with " + silent));

    scripted_server const slow(script().read().stall());
    CHECK(says(words(options_for(slow.endpoint()).idle_timeout(20ms)),
               "waiting for the answer of 127.0.0.1:" + std::to_string(slow.port())));

    name_service::get().plan(7, std::vector<lookup>(1, lookup("")));
    CHECK(says(words(soon("https://nowhere.test:7")), "looking up the host of nowhere.test:7: "));
}

TEST_CASE("a name that does not match is told with those that the certificate is for")
{
    CHECK(
        says(refusal(certificate::other_host, trusting()), "is not for 127.0.0.1 but for DNS:other.example"));
    CHECK(says(refusal(certificate::other_host, trusting(), "localhost"),
               "is not for localhost but for DNS:other.example"));
    CHECK(says(refusal(certificate::address, trusting(), "localhost"),
               "is not for localhost but for IP Address:127.0.0.1"));
    CHECK(says(refusal(certificate::common_name, trusting(), "localhost"),
               "is not for localhost but for nobody: it has no alternative names"));
}

TEST_CASE("a certificate that is not valid now is told with its dates and this machine's clock")
{
    std::string const old = refusal(certificate::expired, trusting());
    CHECK(says(old, "certificate has expired: it is valid from " + day(-30)));
    CHECK(says(old, " to " + day(-1)));
    CHECK(says(old, "this machine's clock says " + day(0)));
    std::string const early = refusal(certificate::early, trusting());
    CHECK(says(early, "certificate is not yet valid: it is valid from " + day(1)));
    CHECK(says(early, "this machine's clock says " + day(0)));
}

TEST_CASE("whom nobody trusted has issued is told with where those were looked for who are")
{
    CHECK(says(refusal(certificate::untrusted, trusting()), ": trusted are the authorities in the CA text"));
    char name[] = "/tmp/hdikafka-test-XXXXXX";
    int const file = mkstemp(name);
    REQUIRE(file >= 0);
    ::close(file);
    std::ofstream(name) << authorities::get().trusted_pem();
    CHECK(says(refusal(certificate::untrusted, hk::tls_options().ca_file(name)),
               ": trusted are the authorities in the CA file " + std::string(name)));

    REQUIRE(setenv("SSL_CERT_DIR", "/nonexistent", 1) == 0);
    REQUIRE(setenv("SSL_CERT_FILE", name, 1) == 0);
    CHECK(says(refusal(certificate::untrusted, hk::tls_options()),
               "in the file " + std::string(name) +
                   " (SSL_CERT_FILE), and in the folder /nonexistent (SSL_CERT_DIR), which cannot be read"));
    std::remove(name);
    CHECK(says(refusal(certificate::good, hk::tls_options()),
               "in the file " + std::string(name) + " (SSL_CERT_FILE), which cannot be read, and"));
    REQUIRE(unsetenv("SSL_CERT_DIR") == 0);
    REQUIRE(unsetenv("SSL_CERT_FILE") == 0);
    CHECK_FALSE(says(refusal(certificate::good, hk::tls_options()), "(SSL_CERT"));
}

TEST_CASE("a proxy that wants what is not spoken here says what that is")
{
    tunnel_proxy const proxy(tunnel_plan().answer(
        http(407, "", "Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n"), parting::stall));
    std::string const text = words(options_for("https://service.test:8443").proxy(proxy.url()));
    CHECK(says(text, "the proxy 127.0.0.1:" + std::to_string(proxy.port()) + " answered 407"));
    CHECK(says(text, "for a tunnel to service.test:8443: it offers Negotiate, NTLM, and only Basic"));

    name_service::get().plan(8, std::vector<lookup>(1, lookup("")));
    CHECK(says(words(options_for("https://service.test:8443").proxy("http://nowhere.test:8")),
               "looking up the host of the proxy nowhere.test:8: "));
}

TEST_CASE("localhost is this machine, also to a resolver that has never heard of it")
{
    for (std::string const host : {"localhost", "a.localhost"}) {
        CAPTURE(host);
        scripted_server const server(script().serve(answer));
        name_service::get().plan(server.port(), std::vector<lookup>(1, lookup("")));
        net::io_context io;
        hk::client const client(io.get_executor(),
                                options_for(server.endpoint(host)).tls(hk::tls_options().verify(false)));
        CHECK(run(io, client.topics()).good());
    }
    name_service::get().plan(9, std::vector<lookup>(1, lookup("")));
    CHECK(says(words(options_for("https://notlocalhost:9")), "looking up the host of notlocalhost:9"));
}
