// What was secret is gone from memory that is given back, and from connections that lie idle.
#include "support/base/environment.hpp"
#include "support/base/freed_memory.hpp"
#include "support/identity/client_certificates.hpp"
#include "support/net/running.hpp"

#include <hdikafka/detail/base/byte_buffer.hpp>
#include <hdikafka/detail/base/secret.hpp>

#include <asio/awaitable.hpp>
#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string const client_secret = "a client secret: 1234567890 & more";
std::string const encoded_secret = "a+client+secret%3A+1234567890+%26+more";
std::string const assertion = "eyJh.an-assertion-0123456789-0123456789.c2ln";
std::string const token = "a-token-0123456789-0123456789-0123456789";

std::vector<std::string_view> all_secrets() { return {client_secret, encoded_secret, assertion, token}; }

/// An authority and a service, and what a client of them leaves behind in memory.
class traces
{
public:
    static std::string good_answer()
    {
        return http(200, R"({"expires_in":3599,"access_token":")" + token + "\"}");
    }

    explicit traces(std::string answer = good_answer(),
                    script service = script().serve(http(200, R"({"topics":["orders"]})")).forever())
        : authority_(script().serve(std::move(answer)).forever()), service_(std::move(service))
    {}

    /// How many blocks of memory were freed with a secret in them in the life of a client; `make(authority)`
    /// gives its credential.
    template <class Make>
    int of(Make make, std::size_t calls = 2)
    {
        return secrets_freed(all_secrets(), [&] {
            net::io_context io;
            hk::client const client(io.get_executor(),
                                    options_for(service_.endpoint()).credential(make(authority_.endpoint())));
            for (std::size_t i = 0; i != calls; ++i)
                good_ += run(io, client.topics()).good() ? 1 : 0;
        });
    }

    int good() const { return good_; }

private:
    scripted_server authority_;
    scripted_server service_;
    int good_ = 0;
};

hk::credential with_secret(std::string const& authority)
{
    return hk::client_secret_credential("contoso.example", "id-1", client_secret).authority_host(authority);
}

net::awaitable<std::string> give_assertion() { co_return assertion; }

net::awaitable<hk::access_token> give_token(hk::token_request /*what*/) { co_return hk::access_token(token); }

} // namespace

TEST_CASE("a copy of a secret would be seen")
{
    REQUIRE(openssl_uses_it);
    for (std::string_view const one : all_secrets())
        CHECK(secrets_freed(all_secrets(), [one] { std::string const copy(one); }) == 1);
}

TEST_CASE("a client's secret, its assertions and its tokens are wiped")
{
    traces left;
    CHECK(left.of(with_secret) == 0);
    CHECK(left.of([](std::string const& authority) -> hk::credential {
        return hk::client_assertion_credential("contoso.example", "id-1", give_assertion)
            .authority_host(authority);
    }) == 0);
    scratch_folder const folder;
    std::string const file = folder.file("token", assertion + "\n");
    CHECK(left.of([&file](std::string const& authority) -> hk::credential {
        return hk::workload_identity_credential()
            .tenant("contoso.example")
            .client_id("id-1")
            .token_file(file)
            .authority_host(authority);
    }) == 0);
    CHECK(left.of([](std::string const&) -> hk::credential { return hk::token_callback(give_token); }) == 0);
    CHECK(left.of([](std::string const&) -> hk::credential { return hk::bearer_token(token); }) == 0);
    CHECK(left.good() == 10);
}

TEST_CASE("the secret by which App Service knows its program is wiped, whatever becomes of the request")
{
    std::string const header = "853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a";
    scripted_server const service(script().serve(http(200, R"({"topics":["orders"]})")).forever());
    for (std::string const& answer :
         {traces::good_answer(), http(401, R"({"message":"not )" + header + "\"}"),
          std::string("garbage\r\n")}) {
        CAPTURE(answer);
        bool const good = answer.find(token) != std::string::npos;
        scripted_server const endpoint(script().serve(answer).forever(), std::nullopt);
        variable const where("IDENTITY_ENDPOINT", endpoint.endpoint() + "/msi/token");
        variable const shown("IDENTITY_HEADER", header);
        CHECK(secrets_freed({header, token}, [&] {
                  net::io_context io;
                  hk::client const client(
                      io.get_executor(),
                      options_for(service.endpoint()).credential(hk::managed_identity_credential()));
                  CHECK(run(io, client.topics()).good() == good);
              }) == 0);
        CHECK(endpoint.requests().size() == 1);
        CHECK(endpoint.requests().at(0).field("x-identity-header") == header);
    }
}

TEST_CASE("they are wiped, too, when the authority refuses, or answers with what is no token")
{
    for (std::string const& answer :
         {http(401, R"({"error":"invalid_client","error_description":"No: )" + client_secret + "\"}"),
          http(200, R"({"expires_in":3599,"access_token":")" + token + "\u00e4\"}"),
          http(200, "{\"access_token\":\"" + token)}) {
        CAPTURE(answer);
        traces left(answer);
        CHECK(left.of(with_secret) == 0);
        CHECK(left.good() == 0);
    }
}

TEST_CASE("a connection that ends in mid-exchange takes no token along")
{
    traces left(traces::good_answer(), script().read().reset());
    CHECK(left.of(with_secret) == 0);
    CHECK(left.good() == 0);
}

TEST_CASE("a secret's text is wiped when it is moved, replaced and destroyed")
{
    using hdikafka::detail::secret;
    std::string const name = "0123456789abcdef0123456789abcdef";
    std::vector<std::string_view> const looked_for{name};
    CHECK(secrets_freed(looked_for, [&] {
              secret one{std::string(name)};
              secret const copy = one;
              secret other = std::move(one);
              other = secret(std::string("another"));
              CHECK(copy.text() == name);
              CHECK(other.text() == "another");
          }) == 0);

    std::string small = "tiny";
    secret const taken(std::move(small));
    CHECK(taken.text() == "tiny");
    small.resize(4); // NOLINT(bugprone-use-after-move): what was left behind is what this is about
    CHECK(small == std::string(4, '\0'));
}

TEST_CASE("a buffer is wiped as far as it reaches")
{
    hdikafka::detail::byte_buffer buffer;
    buffer.append("secret");
    buffer.truncate(2);
    char const* const memory = buffer.data();
    buffer.cleanse();
    CHECK(buffer.empty());
    CHECK(std::string_view(memory, 6) == std::string_view("\0\0\0\0\0\0", 6));
}
