// What a request holds of secrets besides the token is gone from memory that is given back.
#include "support/base/freed_memory.hpp"
#include "support/net/running.hpp"
#include "support/net/tunnel_proxy.hpp"

#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/net/proxy_choice.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string const password = "a-password-0123456789-0123456789";
std::string const shown = "dXNlcjphLXBhc3N3b3JkLTAxMjM0NTY3ODktMDEyMzQ1Njc4OQ=="; // with "user:", in base64

} // namespace

TEST_CASE("a request leaves none of its fields and nothing of its body behind, however many are added")
{
    using hdikafka::detail::field_value;
    std::string const header = "an-identity-header-0123456789-0123456789";
    std::string const content = "a-secret-body-0123456789-0123456789-0123456789";
    field_value const host = field_value::host("localhost");
    CHECK(secrets_freed({header}, [&] { std::string const copy(header); }) == 1); // it would be seen
    CHECK(secrets_freed({header, content}, [&] {
              hdikafka::detail::http_request request("GET", "/");
              request.add("X-IDENTITY-HEADER", header);
              for (int i = 0; i != 40; ++i)
                  request.add("X-Field", std::string(20, 'x'));
              std::string body = content;
              request.body(std::move(body));
              hdikafka::detail::http_request moved = std::move(request);
              REQUIRE(moved.check(host, nullptr));
              moved.cleanse();
          }) == 0);
}

TEST_CASE("a proxy's password is read without a trace, and asked with")
{
    std::string const text = "http://user:" + password + "@proxy:3128";
    CHECK(secrets_freed({password, shown}, [&] {
              auto const proxy = hdikafka::detail::parse_proxy(text);
              REQUIRE(proxy);
              CHECK(proxy.value().authorization.text() == "Basic " + shown);
          }) == 1); // the text of the check itself
    CHECK(secrets_freed({password, shown}, [&] {
              auto const proxy = hdikafka::detail::parse_proxy(text);
              hdikafka::detail::url const target("https", "service.test", 443, "/");
              auto const request = hdikafka::detail::connect_request(target, proxy.value(), "agent");
              REQUIRE(request.text().find(shown) != std::string::npos);
          }) == 0);
}

TEST_CASE("calls through a proxy leave no Proxy-Authorization behind, whether it opens a tunnel or refuses")
{
    scripted_server const server(
        script().serve(http(200, R"({"topics":["orders"]})", "Connection: close\r\n")));
    for (bool const opens : {true, false}) {
        CAPTURE(opens);
        tunnel_plan const no = tunnel_plan().answer(http(407, ""), parting::close);
        tunnel_proxy const proxy(opens ? std::vector<tunnel_plan>() : std::vector<tunnel_plan>(2, no));
        std::string const url = proxy.url("user:" + password + "@");
        int good = 0;
        CHECK(secrets_freed({shown}, [&] {
                  net::io_context io;
                  hk::client const client(io.get_executor(), options_for(server.endpoint()).proxy(url));
                  for (int i = 0; i != 2; ++i)
                      good += run(io, client.topics()).good() ? 1 : 0;
              }) == 0);
        CHECK(good == (opens ? 2 : 0));
        CHECK(proxy.requests().front().field("proxy-authorization") == "Basic " + shown);
    }
}
