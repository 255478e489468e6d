// Whom the client trusts, and how a TLS connection may end.
#include "support/net/running.hpp"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

using namespace test;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})");

ending<std::vector<std::string>> ask(certificate shown, std::string const& host, hk::tls_options trust)
{
    scripted_server const server(script().serve(answer), shown);
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint(host)).tls(std::move(trust)));
    return run(io, client.topics());
}

hk::tls_options trusting() { return hk::tls_options().ca_pem(authorities::get().trusted_pem()); }

/// A file that lasts as long as this.
class temporary_file
{
public:
    explicit temporary_file(std::string const& text)
    {
        char name[] = "/tmp/hdikafka-test-XXXXXX";
        int const file = mkstemp(name);
        REQUIRE(file >= 0);
        ::close(file);
        path = name;
        std::ofstream(path) << text;
    }
    temporary_file(temporary_file const&) = delete;
    temporary_file& operator=(temporary_file const&) = delete;
    ~temporary_file() { std::remove(path.c_str()); }

    std::string path;
};

} // namespace

TEST_CASE("a server with a certificate from an authority that was given is believed, by name and by address")
{
    CHECK(ask(certificate::good, "localhost", trusting()).good());
    CHECK(ask(certificate::good, "127.0.0.1", trusting()).good());
    CHECK(ask(certificate::address, "127.0.0.1", trusting()).good());
    CHECK(ask(certificate::good, "LOCALHOST", trusting()).good());
}

TEST_CASE("an untrusted certificate is refused")
{
    hk::error const failure = ask(certificate::untrusted, "localhost", trusting()).error();
    CHECK(failure.code() == hk::errc::certificate_refused);
    check_what(failure, "topics");
    CHECK_FALSE(failure.info().retriable());
    // The system's store does not know the test's authority either.
    CHECK(ask(certificate::good, "localhost", hk::tls_options()).code() == hk::errc::certificate_refused);
}

TEST_CASE("an expired certificate is refused")
{
    hk::error const failure = ask(certificate::expired, "localhost", trusting()).error();
    CHECK(failure.code() == hk::errc::certificate_refused);
    CHECK(std::string(failure.what()).find("expired") != std::string::npos);
}

TEST_CASE("a certificate for another host is refused, also when only the subject names ours")
{
    CHECK(ask(certificate::other_host, "localhost", trusting()).code() == hk::errc::host_mismatch);
    CHECK(ask(certificate::other_host, "127.0.0.1", trusting()).code() == hk::errc::host_mismatch);
    CHECK(ask(certificate::common_name, "localhost", trusting()).code() == hk::errc::host_mismatch);
    CHECK(ask(certificate::address, "localhost", trusting()).code() == hk::errc::host_mismatch);
}

TEST_CASE("a refused certificate is not tried again")
{
    scripted_server const server(script().serve(answer), certificate::untrusted);
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).retry(quickly(3)));
    CHECK(run(io, client.topics()).code() == hk::errc::certificate_refused);
    CHECK(server.connections() == 1);
    hk::error const produced = run(io, client.produce("orders", hk::records("v"))).error();
    CHECK(produced.code() == hk::errc::certificate_refused);
    CHECK(produced.info().persisted() == hk::persistence::none);
}

TEST_CASE("verify(false) believes everybody")
{
    for (certificate const shown : {certificate::untrusted, certificate::expired, certificate::other_host})
        CHECK(ask(shown, "localhost", hk::tls_options().verify(false)).good());
}

TEST_CASE("authorities come from a file, a text, or both; one that cannot be used is told by the first call")
{
    temporary_file const good(authorities::get().trusted_pem());
    CHECK(ask(certificate::good, "localhost", hk::tls_options().ca_file(good.path)).good());
    CHECK(ask(certificate::untrusted, "localhost", hk::tls_options().ca_file(good.path)).code() ==
          hk::errc::certificate_refused);
    CHECK(ask(certificate::untrusted, "localhost",
              hk::tls_options().ca_file(good.path).ca_pem(authorities::get().untrusted_pem()))
              .good());
    CHECK(ask(certificate::good, "localhost",
              hk::tls_options().ca_pem(authorities::get().untrusted_pem() + authorities::get().trusted_pem()))
              .good());

    temporary_file const empty("");
    temporary_file const nonsense("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    for (hk::tls_options const& bad :
         {hk::tls_options().ca_file("/nonexistent/ca.pem"), hk::tls_options().ca_file(empty.path),
          hk::tls_options().ca_file(nonsense.path), hk::tls_options().ca_pem("no PEM at all"),
          hk::tls_options().ca_pem("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"),
          hk::tls_options().ca_pem(authorities::get().trusted_pem() +
                                   "-----BEGIN CERTIFICATE-----\nMIIB\n")}) {
        CAPTURE(bad.ca_file());
        CAPTURE(bad.ca_pem());
        hk::error const failure = ask(certificate::good, "localhost", bad).error();
        CHECK(failure.code() == hk::errc::invalid_option);
        check_what(failure, "topics");
    }
}

TEST_CASE("SSL_CERT_FILE names the authorities when the program does not")
{
    temporary_file const good(authorities::get().trusted_pem());
    REQUIRE(setenv("SSL_CERT_FILE", good.path.c_str(), 1) == 0);
    CHECK(ask(certificate::good, "localhost", hk::tls_options()).good());
    CHECK(ask(certificate::untrusted, "localhost", hk::tls_options()).code() ==
          hk::errc::certificate_refused);
    REQUIRE(unsetenv("SSL_CERT_FILE") == 0);
}

TEST_CASE("the program has the last word on the TLS context")
{
    int calls = 0;
    auto only_old = [&calls](SSL_CTX* context) {
        ++calls;
        SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    };
    CHECK(ask(certificate::good, "localhost", trusting().configure(only_old)).good());
    CHECK(calls == 1);
}

TEST_CASE("a connection cut below TLS is truncation, in the middle of a body and where a body would end")
{
    net::io_context io;
    for (std::string const& bytes :
         {answer.substr(0, answer.size() - 3), std::string("HTTP/1.1 200 OK\r\n\r\n{\"topics\":[]}"),
          std::string("HTTP/1.1 200 OK\r\n"), std::string()}) {
        CAPTURE(bytes);
        scripted_server const server(script().read().send(bytes).fin());
        hk::client const client(io.get_executor(), options_for(server.endpoint()));
        hk::error const failure = run(io, client.topics()).error();
        CHECK(failure.code() == hk::errc::truncated);
        CHECK(failure.code() == std::errc::connection_reset);
        check_what(failure, "topics");
        server.wait_for_ends(1);
    }
}

TEST_CASE("a body that ends with the connection is complete after close_notify only")
{
    scripted_server const server(script().serve("HTTP/1.1 200 OK\r\n\r\n{\"topics\":[\"orders\"]}"));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    auto const end = run(io, client.topics());
    REQUIRE(end.good());
    CHECK(end.get().value().size() == 1);
}

TEST_CASE("a connection that is reset in the answer is lost")
{
    net::io_context io;
    scripted_server const server(script().read().send(answer.substr(0, 20)).reset());
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    hk::error const failure = run(io, client.topics()).error();
    CHECK((failure.code() == hk::errc::connection_lost || failure.code() == hk::errc::truncated));
    check_what(failure, "topics");
}

TEST_CASE("a server that closes while a large produce is being written does not end the process")
{
    hk::records many;
    for (int i = 0; i < 64; ++i)
        many.push_back(hk::record(std::string(256 * 1024, 'x')));
    for (auto const& [name, shown] :
         {std::pair<char const*, std::optional<certificate>>("TLS", certificate::good),
          {"plain", std::nullopt}}) {
        std::string const stream = name;
        CAPTURE(stream);
        scripted_server const server(script().taste().reset(), shown);
        net::io_context io;
        hk::client const client(io.get_executor(),
                                options_for(server.endpoint()).allow_plain_http_to_loopback());
        hk::error const failure = run(io, client.produce("orders", many)).error();
        std::string const what = failure.what();
        CAPTURE(what);
        CHECK((failure.code() == hk::errc::connection_lost || failure.code() == hk::errc::truncated));
        CHECK(failure.info().persisted() == hk::persistence::possibly);
        check_what(failure, "produce", "orders");
        CHECK(server.connections() == 1);
    }
}

TEST_CASE("an answer that comes before the request was read is heard all the same")
{
    hk::records many;
    for (int i = 0; i < 64; ++i)
        many.push_back(hk::record(std::string(256 * 1024, 'x')));
    // The server refuses at once, reads no further and goes, as gateways do.
    scripted_server const server(script().taste().send(http(413, "{}", "Connection: close\r\n")));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    hk::error const failure = run(io, client.produce("orders", many)).error();
    CHECK(failure.code() == hk::errc::too_large);
    CHECK(failure.info().persisted() == hk::persistence::none);
}

TEST_CASE("a server that speaks no TLS is an error of TLS, or a lost connection")
{
    std::vector<script> const scripts = {
        script().send("HTTP/1.1 400 Bad Request\r\n\r\n").stall(),
        script().send(std::string(1000, '\0')).stall(),
        script(),
        script().reset(),
    };
    for (auto const& doing : scripts) {
        scripted_server const server(doing, std::nullopt);
        net::io_context io;
        std::string const endpoint = "https://127.0.0.1:" + std::to_string(server.port());
        hk::client const client(io.get_executor(), options_for(endpoint));
        hk::error const failure = run(io, client.topics()).error();
        std::string const what = failure.what();
        CAPTURE(what);
        // A reset may overtake the end of connecting.
        bool const too_soon =
            failure.code() == hk::errc::connect_failed && what.find("reset by peer") != std::string::npos;
        CHECK((failure.code() == hk::errc::tls_failed || failure.code() == hk::errc::connection_lost ||
               too_soon));
        check_what(failure, "topics");
        server.wait_for_ends(1);
    }
}

TEST_CASE("nobody listening and no such host are errors with their own codes")
{
    net::io_context io;
    unsigned port = 0;
    {
        scripted_server const gone(script{});
        port = gone.port();
    }
    hk::client const nobody(io.get_executor(), options_for("https://127.0.0.1:" + std::to_string(port)));
    hk::error const refused = run(io, nobody.produce("orders", hk::records("v"))).error();
    CHECK(refused.code() == hk::errc::connect_failed);
    CHECK(refused.info().persisted() == hk::persistence::none);
    CHECK(refused.info().retriable());
    check_what(refused, "produce", "orders");
    hk::client const nowhere(io.get_executor(), options_for("https://no-such-host.invalid"));
    hk::error const unknown = run(io, nowhere.topics()).error();
    CHECK(unknown.code() == hk::errc::resolve_failed);
    check_what(unknown, "topics");
}

TEST_CASE("plain http serves on loopback, when it was allowed")
{
    scripted_server const server(script().serve(answer), std::nullopt);
    net::io_context io;
    auto const options = options_for(server.endpoint("localhost"));
    CHECK_THROWS_AS(hk::client(io.get_executor(), options), hk::error);
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint("localhost")).allow_plain_http_to_loopback());
    CHECK(run(io, client.topics()).good());
}
