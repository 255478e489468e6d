// Whose token a client may show: those of one credential, for each trust.
#include "support/net/running.hpp"

#include <hdikafka/detail/call/token_caches.hpp>

#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

using namespace test;
using hk::detail::same_trust;

namespace {

using names = std::vector<std::string>;
using caches = hk::detail::token_caches<>;
std::string const topics = http(200, R"({"topics":["orders"]})");
std::string const token = http(200, R"({"token_type":"Bearer","expires_in":3599,"access_token":"t"})");

hk::tls_options trusting(std::string const& authority) { return hk::tls_options().ca_pem(authority); }
hk::tls_options usual() { return trusting(authorities::get().trusted_pem()); }
hk::tls_options configured()
{
    return usual().configure([](ssl_ctx_st*) {});
}

hk::credential secret_at(scripted_server const& authority)
{
    return hk::client_secret_credential("contoso.example", "id-1", "a secret")
        .authority_host(authority.endpoint());
}

hk::detail::token_source_ptr nothing() { return nullptr; }

/// How many token requests clients make that share a credential and trust like this, one after the other.
std::size_t requests_for(std::vector<hk::tls_options> const& each)
{
    scripted_server const authority(script().serve(token).forever());
    scripted_server const service(script().serve(topics).forever());
    hk::credential const shared = secret_at(authority);
    for (hk::tls_options const& trust : each) {
        net::io_context io;
        hk::client const client(io.get_executor(),
                                options_for(service.endpoint()).credential(shared).tls(trust));
        CHECK(run(io, client.topics()).good());
    }
    return authority.requests().size();
}

} // namespace

TEST_CASE("trust is the same when the same authorities are believed, and pins and proxies are no trust")
{
    CHECK(same_trust(hk::tls_options(), hk::tls_options()));
    CHECK(same_trust(trusting("a"), trusting("a").pin_sha256("key")));
    CHECK_FALSE(same_trust(trusting("a"), trusting("b")));
    CHECK_FALSE(same_trust(trusting("a"), hk::tls_options()));
    CHECK_FALSE(same_trust(hk::tls_options().ca_file("a"), hk::tls_options().ca_file("b")));
    CHECK_FALSE(same_trust(hk::tls_options().ca_file("a"), trusting("a")));
    CHECK_FALSE(same_trust(hk::tls_options(), hk::tls_options().verify(false)));
    CHECK_FALSE(same_trust(configured(), configured()));
    CHECK_FALSE(same_trust(configured(), usual()));
}

TEST_CASE("a client that verifies shows no token that came from an authority nobody verified")
{
    scripted_server const authority(script().serve(token).forever(), certificate::untrusted);
    scripted_server const service(script().serve(topics).forever());
    hk::credential const shared = secret_at(authority);
    net::io_context io;
    hk::client const careless(io.get_executor(),
                              options_for(service.endpoint()).credential(shared).tls(usual().verify(false)));
    hk::client const careful(io.get_executor(), options_for(service.endpoint()).credential(shared));
    CHECK(run(io, careless.topics()).good());
    CHECK(run(io, careful.topics()).code() == hk::errc::certificate_refused);
    CHECK(run(io, careless.topics()).good());
    CHECK(service.requests().size() == 2);
    CHECK(authority.requests().size() == 1);
}

TEST_CASE("clients of one trust share a token, and each trust has its own")
{
    CHECK(requests_for({usual(), usual(), usual()}) == 1);
    std::string const pem = authorities::get().trusted_pem();
    CHECK(requests_for({usual(), usual().verify(false), usual(), trusting(pem + "\n"), usual()}) == 3);
    CHECK(requests_for({configured(), configured(), usual()}) == 3);
}

TEST_CASE("the program's own tokens are the same whatever a client trusts")
{
    scripted_server const service(script().serve(topics).forever());
    int calls = 0;
    hk::credential const shared = hk::token_callback([&calls]() -> net::awaitable<hk::access_token> {
        ++calls;
        co_return hk::access_token("mine");
    });
    for (hk::tls_options const& trust : {usual(), usual().verify(false), configured()}) {
        net::io_context io;
        hk::client const client(io.get_executor(),
                                options_for(service.endpoint()).credential(shared).tls(trust));
        CHECK(run(io, client.topics()).good());
    }
    CHECK(calls == 1);
}

TEST_CASE("tokens for a trust that no client has any more are forgotten, but for a few")
{
    caches tokens(&nothing, false);
    auto const used = tokens.get(trusting("used"));
    std::vector<std::weak_ptr<hk::detail::token_cache<>>> all;
    for (int i = 0; i != 100; ++i)
        all.emplace_back(tokens.get(trusting(std::to_string(i))));
    std::size_t kept = 0;
    for (auto const& one : all)
        kept += one.expired() ? 0 : 1;
    CHECK(kept > 0);
    CHECK(kept < 10);
    CHECK(tokens.get(trusting("used")) == used);
    CHECK(tokens.get(trusting("99")) == all[99].lock());
}

TEST_CASE("tokens for a trust that a client has are kept, however many there are")
{
    caches tokens(&nothing, false);
    std::vector<hk::detail::token_cache_ptr> all;
    for (int i = 0; i != 100; ++i)
        all.push_back(tokens.get(trusting(std::to_string(i))));
    for (int i = 0; i != 100; ++i)
        CHECK(tokens.get(trusting(std::to_string(i))) == all[static_cast<std::size_t>(i)]);
}
