// Making connections: TLS sessions taken up again, a pinned key.
#include "support/emulator/emulated.hpp"
#include "support/net/full_listener.hpp"
#include "support/net/running.hpp"

#include <hdikafka/detail/base/base64.hpp>
#include <hdikafka/detail/net/address_race.hpp>
#include <hdikafka/detail/run/run.hpp>
#include <hdikafka/detail/run/timer_shelf.hpp>

#include <asio/ip/tcp.hpp>
#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace test;
using tcp = net::ip::tcp;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})");
std::string const last_answer = http(200, R"({"topics":["orders"]})", "Connection: close\r\n");

/// Whether each connection that was made took up an earlier session.
class resumptions
{
public:
    explicit resumptions(std::vector<bool>& seen) : seen_(seen) {}
    void operator()(hk::connection_opened const& event) { seen_.push_back(event.resumed); }

private:
    std::vector<bool>& seen_;
};

/// The pin of a certificate, made with other functions of OpenSSL than the library's.
std::string pin_of(std::string const& pem)
{
    std::unique_ptr<BIO, int (*)(BIO*)> const text(BIO_new_mem_buf(pem.data(), -1), &BIO_free);
    std::unique_ptr<X509, void (*)(X509*)> const certificate(
        PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr), &X509_free);
    unsigned char* der = nullptr;
    int const length = i2d_PUBKEY(X509_get0_pubkey(certificate.get()), &der);
    std::array<unsigned char, 32> digest{};
    unsigned int size = 0;
    EVP_Digest(der, static_cast<std::size_t>(length), digest.data(), &size, EVP_sha256(), nullptr);
    OPENSSL_free(der);
    std::string out(44, '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), digest.data(), static_cast<int>(size));
    return out;
}

} // namespace

TEST_CASE("the next connection takes up the session of the last one")
{
    for (int const version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
        CAPTURE(version);
        scripted_server const server(script().serve(last_answer));
        std::vector<bool> resumed;
        net::io_context io;
        auto const limit = [version](SSL_CTX* context) { SSL_CTX_set_max_proto_version(context, version); };
        auto const trust = hk::tls_options().ca_pem(authorities::get().trusted_pem()).configure(limit);
        hk::client const client(
            io.get_executor(),
            options_for(server.endpoint()).tls(trust).observer(hk::observer(resumptions(resumed))));
        for (int i = 0; i < 4; ++i)
            CHECK(run(io, client.topics()).good());
        CHECK(resumed == std::vector<bool>{false, true, true, true});
    }
}

TEST_CASE("a session is taken up by connections to the origin that it was verified for, and by no others")
{
    // One server, which would take up any session of its own, under two names: the service and the authority.
    auto const reply = [](seen_request const& request) {
        return request.line.find("/oauth2/") == std::string::npos
                   ? last_answer
                   : http(200, R"({"token_type":"Bearer","expires_in":3599,"access_token":"token"})",
                          "Connection: close\r\n");
    };
    scripted_server const server(script().read().answer(reply));
    std::vector<bool> resumed;
    net::io_context io;
    hk::client_secret_credential const secret =
        hk::client_secret_credential("tenant", "id", "secret").authority_host(server.endpoint("localhost"));
    hk::client const client(
        io.get_executor(),
        options_for(server.endpoint()).credential(secret).observer(hk::observer(resumptions(resumed))));
    CHECK(run(io, client.topics()).good());
    CHECK(run(io, client.topics()).good());
    // The authority's, the service's, the service's again.
    CHECK(resumed == std::vector<bool>{false, false, true});
    auto const seen = server.requests();
    REQUIRE(seen.size() == 3);
    CHECK(seen[0].line.find("/oauth2/") != std::string::npos);
}

TEST_CASE("a pinned key is asked for besides everything else")
{
    certificate_text const shown = authorities::get().make(certificate::good);
    emulated service(hk::emulator_options().certificate(shown.pem, shown.key_pem));
    std::string const pin = pin_of(shown.pem);
    std::string const other = pin_of(authorities::get().make(certificate::good).pem);
    auto const ask = [&service](hk::tls_options trust) {
        trust.ca_pem(authorities::get().trusted_pem());
        hk::client const client(service.io.get_executor(),
                                service.emulator.client_options().tls(std::move(trust)));
        return service.run(client.topics());
    };
    CHECK(ask(hk::tls_options().pin_sha256(pin)));
    CHECK(ask(hk::tls_options().pin_sha256("sha256//" + pin)));
    CHECK(ask(hk::tls_options().pin_sha256(other).pin_sha256(pin)));

    service.emulator.forget_calls();
    auto const refused = ask(hk::tls_options().pin_sha256(other));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == hk::errc::certificate_refused);
    CHECK(std::string(refused.error().what()).find("sha256//" + pin) != std::string::npos);
    CHECK_FALSE(refused.error().info().retriable());
    CHECK(service.emulator.calls().empty());
}

TEST_CASE("a pin that is no digest is refused before anything is connected")
{
    net::io_context io;
    for (std::string const& pin :
         {std::string(), std::string("sha256//"), std::string(44, '='), std::string("abc"),
          std::string(43, 'A'), std::string("sha1//") + std::string(43, 'A') + "=", std::string(44, 'A')}) {
        CAPTURE(pin);
        auto const make = [&] {
            return hk::client(
                io.get_executor(),
                hk::client_options("https://localhost:1").tls(hk::tls_options().pin_sha256(pin)));
        };
        CHECK_THROWS_AS(make(), hk::error);
    }
}

TEST_CASE("an early refusal is heard while the rest of the request is being written")
{
    hk::records many;
    for (int i = 0; i < 64; ++i)
        many.push_back(hk::record(std::string(256 * 1024, 'x')));
    // The server refuses and then neither reads nor goes: writing on would never end.
    scripted_server const server(script().taste().send(http(413, "{}")).deaf());
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint()).idle_timeout(1h).total_timeout(1h));
    hk::error const failure = run(io, client.produce("orders", many)).error();
    CHECK(failure.code() == hk::errc::too_large);
    CHECK(failure.info().persisted() == hk::persistence::none);
}

TEST_CASE("a call that is cancelled while it writes to a deaf server ends, and keeps nothing waiting")
{
    hk::records many;
    for (int i = 0; i < 64; ++i)
        many.push_back(hk::record(std::string(256 * 1024, 'x')));
    gate const tasted;
    scripted_server const server(script().taste().tell(tasted).deaf());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    running_call<hk::receipt> call(io, client.produce("orders", many));
    work_until(io, [&] { return tasted.is_open(); });
    io.poll();
    call.cancel();
    CHECK(call.end.code() == net::error::operation_aborted);
    CHECK(call.end.error().info().persisted() == hk::persistence::possibly);
    io.run(); // returns: nothing is left
}

TEST_CASE("an answer that says how it is coded is refused, an error's status is told all the same")
{
    std::string const coded = "Content-Encoding: gzip\r\n";
    std::vector<script> scripts(1, script().serve(http(200, "xyz", coded)));
    scripts.push_back(script().serve(http(404, "xyz", coded)));
    scripted_server const server(std::move(scripts));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    CHECK(run(io, client.topics()).code() == hk::errc::unsupported_coding);
    hk::error const missing = run(io, client.partitions("orders")).error();
    CHECK(missing.code() == hk::errc::not_found);
    CHECK(missing.info().http_status == 404);
    CHECK(missing.info().server_message.empty());
}
