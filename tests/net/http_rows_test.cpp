// What a client must get right on the wire and no other test shows: TLS versions, SNI, wildcards, every
// operation's fields, the reuse race of every operation, ten thousand calls that fail at once.
#include "support/faults/operations.hpp"
#include "support/faults/resolver.hpp"
#include "support/faults/site.hpp"

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/ssl.hpp>
#include <asio/write.hpp>
#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace test;

namespace {

/// A certificate that is its own authority, for these alternative names ("DNS:a.test,DNS:b.test").
certificate_text self_signed(std::string const& names)
{
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> const key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
    std::unique_ptr<X509, void (*)(X509*)> const made(X509_new(), &X509_free);
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -60 * 60);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 60 * 60);
    X509_set_pubkey(made.get(), key.get());
    X509_NAME* const subject = X509_get_subject_name(made.get());
    auto const* const text = reinterpret_cast<unsigned char const*>("test");
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, text, -1, -1, 0);
    X509_set_issuer_name(made.get(), subject);
    std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> const extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()), &X509_EXTENSION_free);
    REQUIRE(X509_add_ext(made.get(), extension.get(), -1) == 1);
    REQUIRE(X509_sign(made.get(), key.get(), EVP_sha256()) != 0);

    auto const text_of = [](auto write) {
        std::unique_ptr<BIO, void (*)(BIO*)> const out(BIO_new(BIO_s_mem()), &BIO_free_all);
        REQUIRE(write(out.get()) == 1);
        char* data = nullptr;
        long const size = BIO_get_mem_data(out.get(), &data);
        return std::string(data, static_cast<std::size_t>(size));
    };
    certificate_text both;
    both.pem = text_of([&](BIO* out) { return PEM_write_bio_X509(out, made.get()); });
    both.key_pem = text_of([&](BIO* out) {
        return PEM_write_bio_PKCS8PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return both;
}

/// What a server learned from a handshake.
class shaken_hands
{
public:
    std::string version;
    std::string name; ///< The server name that was asked for; "(none)" without one.
};

/// A TLS server with any certificate and any settings, which answers one request on each connection.
class tls_server
{
public:
    using settings = std::function<void(SSL_CTX*)>;

    explicit tls_server(certificate_text const& shown, settings const& configure = {})
        : record_(std::make_shared<record>()), acceptor_(io_, {net::ip::address_v4::loopback(), 0})
    {
        record_->context.use_certificate_chain(net::buffer(shown.pem));
        record_->context.use_private_key(net::buffer(shown.key_pem), net::ssl::context::pem);
        if (configure)
            configure(record_->context.native_handle());
        net::co_spawn(io_, accept(&acceptor_, record_), net::detached);
        thread_ = std::thread([this] { io_.run(); });
    }
    tls_server(tls_server const&) = delete;
    tls_server& operator=(tls_server const&) = delete;
    ~tls_server()
    {
        io_.stop();
        thread_.join();
    }

    unsigned short port() const { return acceptor_.local_endpoint().port(); }

    std::string endpoint(std::string const& host) const
    {
        return "https://" + host + ":" + std::to_string(port());
    }

    std::vector<shaken_hands> seen() const
    {
        std::lock_guard const lock(record_->mutex);
        return record_->seen;
    }

private:
    class record
    {
    public:
        net::ssl::context context{net::ssl::context::tls_server};
        std::mutex mutex;
        std::vector<shaken_hands> seen;
    };
    using record_ptr = std::shared_ptr<record>;

    static net::awaitable<void> accept(net::ip::tcp::acceptor* acceptor, record_ptr all)
    {
        auto const executor = co_await net::this_coro::executor;
        for (;;) {
            auto socket = co_await acceptor->async_accept(net::use_awaitable);
            net::co_spawn(executor, serve(std::move(socket), all), net::detached);
        }
    }

    static net::awaitable<void> serve(net::ip::tcp::socket socket, record_ptr all)
    {
        net::ssl::stream<net::ip::tcp::socket> stream(std::move(socket), all->context);
        try {
            co_await stream.async_handshake(net::ssl::stream_base::server, net::use_awaitable);
            shaken_hands found;
            found.version = SSL_get_version(stream.native_handle());
            char const* const name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
            found.name = name != nullptr ? name : "(none)";
            {
                std::lock_guard const lock(all->mutex);
                all->seen.push_back(found);
            }
            std::string request;
            auto into = net::dynamic_buffer(request);
            std::string const end = "\r\n\r\n";
            co_await net::async_read_until(stream, into, end, net::use_awaitable);
            std::string const answer = http(200, R"({"topics":["orders"]})", "Connection: close\r\n");
            auto const out = net::buffer(answer);
            co_await net::async_write(stream, out, net::use_awaitable);
            co_await stream.async_shutdown(net::use_awaitable);
        } catch (std::system_error const&) { // NOLINT(bugprone-empty-catch): see below
            // The peer has gone.
        }
    }

    record_ptr record_;
    net::io_context io_;
    net::ip::tcp::acceptor acceptor_;
    std::thread thread_;
};

/// What comes of a call to `host` by one who trusts this certificate alone.
std::error_code outcome(tls_server const& server, std::string const& host, std::string const& trusted,
                        tls_server::settings const& configure = {})
{
    test::name_service::get().plan(server.port(), {}); // whatever the host's name
    net::io_context io;
    auto trust = hk::tls_options().ca_pem(trusted);
    if (configure)
        trust.configure(configure);
    hk::client const client(io.get_executor(), options_for(server.endpoint(host)).tls(trust));
    return run(io, client.topics()).code();
}

/// As much as OpenSSL can be made to allow, but for the versions.
void allow_the_weakest(SSL_CTX* context)
{
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
}

} // namespace

TEST_CASE("TLS: at least 1.2, whatever the peer and the library underneath would do")
{
    certificate_text const shown = self_signed("DNS:localhost");
    for (int const newest : {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
        CAPTURE(newest);
        tls_server const server(shown, [newest](SSL_CTX* context) {
            allow_the_weakest(context);
            SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
            SSL_CTX_set_max_proto_version(context, newest);
        });
        bool const old = newest < TLS1_2_VERSION;
        CHECK(outcome(server, "localhost", shown.pem, &allow_the_weakest) ==
              (old ? make_error_code(hk::errc::tls_failed) : std::error_code()));
        CHECK(server.seen().size() == (old ? 0 : 1));
        // The server would have done it.
        auto const oldest = [](SSL_CTX* context) {
            allow_the_weakest(context);
            SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
        };
        CHECK_FALSE(outcome(server, "localhost", shown.pem, oldest));
    }
}

TEST_CASE("TLS: SNI for names only")
{
    certificate_text const shown = self_signed("DNS:localhost,DNS:a.service.test,IP:127.0.0.1");
    tls_server const server(shown);
    CHECK_FALSE(outcome(server, "localhost", shown.pem));
    CHECK_FALSE(outcome(server, "a.service.test", shown.pem));
    CHECK_FALSE(outcome(server, "127.0.0.1", shown.pem));
    auto const seen = server.seen();
    REQUIRE(seen.size() == 3);
    CHECK(seen[0].name == "localhost");
    CHECK(seen[1].name == "a.service.test");
    CHECK(seen[2].name == "(none)");
}

TEST_CASE("TLS: a wildcard stands for one whole label and for nothing else")
{
    struct
    {
        char const* names;
        char const* host;
        bool good;
    } const cases[] = {
        {"DNS:*.service.test", "a.service.test", true},
        {"DNS:*.service.test", "A.Service.Test", true},
        {"DNS:*.service.test", "a.b.service.test", false},
        {"DNS:*.service.test", "service.test", false},
        {"DNS:a*.service.test", "ab.service.test", false},
        {"DNS:*b.service.test", "ab.service.test", false},
        {"DNS:a*c.service.test", "abc.service.test", false},
        {"DNS:a.*.test", "a.service.test", false},
        {"DNS:*.test", "service.test", false},
        {"DNS:*", "localhost", false},
        {"DNS:*.0.0.1", "127.0.0.1", false},
        {"DNS:127.0.0.1", "127.0.0.1", false},
    };
    for (auto const& [names, host, good] : cases) {
        CAPTURE(names);
        CAPTURE(host);
        certificate_text const shown = self_signed(names);
        tls_server const server(shown);
        CHECK(outcome(server, host, shown.pem) ==
              (good ? std::error_code() : make_error_code(hk::errc::host_mismatch)));
    }
}

TEST_CASE("every operation asks for identity alone, shows its token if it needs one, and has a request id")
{
    scripted_server const server(good_script());
    net::io_context io;
    for (operation const& what : all_operations()) {
        CAPTURE(what.name);
        subject who(io.get_executor(), options_for(server.endpoint()), what.from);
        CHECK(run(io, what.call(&who, hk::call_options().request_id("id-" + what.reported))).good());
        seen_request const request = server.requests().back();
        CHECK(request.field("accept-encoding") == "identity");
        CHECK(request.field("accept") == "application/json");
        CHECK(request.field("authorization") ==
              (what.needs_token ? "Bearer " + std::string(token_text) : "(none)"));
        CHECK(request.field("x-ms-client-request-id") == "id-" + what.reported);
        CHECK(request.field("host") == "127.0.0.1:" + std::to_string(server.port()));
        CHECK(request.field("content-length") ==
              (request.body.empty() ? "(none)" : std::to_string(request.body.size())));
        CHECK(request.field("transfer-encoding") == "(none)");
    }
}

TEST_CASE("reuse race: reads, creations and deletions are replayed on a fresh connection, a produce is not")
{
    for (operation const& what : all_operations()) {
        CAPTURE(what.name);
        std::vector<script> scripts(1, script().read().answer(good_answer).read());
        scripts.push_back(good_script());
        scripted_server const server(std::move(scripts));
        net::io_context io;
        subject who(io.get_executor(), options_for(server.endpoint()), what.from);
        REQUIRE(run(io, who.client.topics()).good());
        // The server reads the request and goes: it had been closing the connection, or so it seems.
        auto const end = run(io, what.call(&who, hk::call_options()));
        auto const seen = server.requests();
        if (what.records) {
            CHECK(end.code() == hk::errc::connection_lost);
            CHECK(end.error().info().persisted() == hk::persistence::possibly);
            CHECK(seen.size() == 2);
            CHECK(server.connections() == 1);
        } else {
            CHECK(end.good());
            REQUIRE(seen.size() == 2 + what.requests);
            CHECK(seen[1].connection == 0);
            CHECK(seen[2].connection == 1);
            CHECK(seen[1].head == seen[2].head);
            CHECK(seen[1].body == seen[2].body);
            CHECK(seen[2].line.starts_with(what.line));
        }
        CHECK(run(io, who.client.topics()).good());
    }
}

namespace {

/// Ten thousand calls at once, every other one a produce, each of which fails.
class many_failing_calls
{
public:
    static constexpr std::size_t count = 10'000;

    many_failing_calls(hk::client_options options, std::size_t limit)
        : limit_(limit),
          before_(client_sockets()),
          client_(io_.get_executor(), std::move(options.max_connections(limit)))
    {}

    void run()
    {
        for (std::size_t i = 0; i != count; ++i)
            net::co_spawn(io_, i % 2 == 0 ? ask(i) : produce(i), net::detached);
        io_.run();
        CHECK(ended_ == count);
        CHECK(most_sockets_ <= limit_);
        CHECK(overtaken_ == 0);
        CHECK(client_sockets() == before_);
    }

    std::size_t count_of(std::error_code code) const { return codes_.count(code) ? codes_.at(code) : 0; }

private:
    net::awaitable<void> ask(std::size_t number)
    {
        auto const end = co_await hk::as_result(client_.topics());
        if (!end)
            ends(number, end.error());
    }

    net::awaitable<void> produce(std::size_t number)
    {
        auto const end = co_await hk::as_result(client_.produce("orders", hk::records("v")));
        if (!end)
            ends(number, end.error());
    }

    void ends(std::size_t number, hk::error const& failure)
    {
        ++codes_[failure.code()];
        // Those who asked before have had their turn, but for those whose turn it still is.
        overtaken_ += ended_ + limit_ <= number;
        ++ended_;
        if (ended_ % 64 == 1)
            most_sockets_ = std::max(most_sockets_, client_sockets() - before_);
    }

    std::size_t limit_;
    std::size_t before_;
    net::io_context io_;
    hk::client client_;
    std::map<std::error_code, std::size_t> codes_;
    std::size_t ended_ = 0;
    std::size_t overtaken_ = 0;
    std::size_t most_sockets_ = 0;
};

} // namespace

TEST_CASE("10,000 calls failing at once: no leak, bounded sockets, first come first served")
{
    // The peer reads each request and goes.
    for (std::size_t const limit : {std::size_t(1), std::size_t(16)}) {
        CAPTURE(limit);
        scripted_server const server(script().read(), std::nullopt);
        auto const alive = std::make_shared<int>(0);
        {
            auto options = options_for(server.endpoint()).allow_plain_http_to_loopback();
            options.tls(hk::tls_options().configure([alive](SSL_CTX*) {}));
            many_failing_calls calls(std::move(options), limit);
            calls.run();
            CHECK(calls.count_of(hk::errc::connection_lost) == many_failing_calls::count);
        }
        CHECK(alive.use_count() == 1);
        CHECK(server.connections() == many_failing_calls::count);
        CHECK(server.requests().size() == many_failing_calls::count);
    }
    // Nobody is there.
    scripted_server const server(script{});
    closed_doors const doors(server.port());
    std::string const endpoint = "https://" + refusing_address + ":" + std::to_string(server.port());
    many_failing_calls calls(options_for(endpoint), 16);
    calls.run();
    CHECK(calls.count_of(hk::errc::connect_failed) == many_failing_calls::count);
}
