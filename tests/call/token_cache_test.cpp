// How tokens are asked for, refused, throttled and shared, on the wire.
#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"

#include <hdikafka/detail/base/base64.hpp>

#include <asio/executor_work_guard.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace test;

namespace {

using names = std::vector<std::string>;
std::string const topics = http(200, R"({"topics":["orders"]})");
std::string const claims = R"({"access_token":{"nbf":{"essential":true,"value":"1"}}})";

std::string token_json(std::string const& token)
{
    return http(200, R"({"token_type":"Bearer","expires_in":3599,"access_token":")" + token + "\"}");
}

std::string refusal(std::string const& challenge)
{
    return http(401, "{}", "WWW-Authenticate: " + challenge + "\r\n");
}

std::string challenge_for(std::string const& json, hk::detail::base64_form form)
{
    return R"(Bearer realm="", authorization_uri="https://login", error="insufficient_claims", claims=")" +
           hk::detail::base64_encode(json, form) + "\"";
}

hk::client_secret_credential secret_at(scripted_server const& authority)
{
    return hk::client_secret_credential("contoso.example", "id-1", "a secret that nobody sees")
        .authority_host(authority.endpoint());
}

/// What the authority was asked to put into each token; "" for nothing.
names claims_asked(scripted_server const& authority)
{
    names out;
    for (auto const& request : authority.requests()) {
        auto const at = request.body.find("&claims=");
        out.push_back(at == std::string::npos ? "" : request.body.substr(at + 8));
    }
    return out;
}

std::string const encoded_claims =
    "%7B%22access_token%22%3A%7B%22nbf%22%3A%7B%22essential%22%3Atrue%2C%22value%22%3A%221%22%7D%7D%7D";

} // namespace

TEST_CASE("the claims that a service demands are asked for, once, in whatever form they come")
{
    using form = hk::detail::base64_form;
    std::string const unpadded = hk::detail::base64_encode(claims, form::url);
    for (std::string const& challenge :
         {challenge_for(claims, form::standard), challenge_for(claims, form::url),
          std::string("Negotiate, Basic realm=\"a, claims=b\", Bearer claims=" + unpadded)}) {
        CAPTURE(challenge);
        scripted_server const authority(
            script().serve(token_json("one")).serve(token_json("two")).serve(token_json("three")).forever());
        scripted_server const service(
            script().serve(refusal(challenge)).serve(topics).serve(refusal("Bearer")).serve(topics));
        net::io_context io;
        hk::client const client(io.get_executor(),
                                options_for(service.endpoint()).credential(secret_at(authority)));
        CHECK(run(io, client.topics()).good());
        CHECK(run(io, client.topics()).good()); // refused without claims: the next token needs none
        CHECK(claims_asked(authority) == names{"", encoded_claims, ""});
        CHECK(service.requests().at(1).field("authorization") == "Bearer two");
    }
}

TEST_CASE("a challenge that cannot be passed on is a refusal like any other")
{
    for (std::string const& challenge :
         {std::string("Bearer claims=\"%%%\""), challenge_for("[1]", hk::detail::base64_form::standard),
          challenge_for("{\"a\":", hk::detail::base64_form::standard), std::string("Bearer claims="),
          "Bearer claims=\"" +
              hk::detail::base64_encode("{\"a\":\"" + std::string(8192, 'x') + "\"}",
                                        hk::detail::base64_form::standard) +
              "\"",
          std::string("Bearer claims=\"unfinished"), std::string(",,,=\"")}) {
        CAPTURE(challenge);
        scripted_server const authority(script().serve(token_json("one")).serve(token_json("two")));
        scripted_server const service(script().serve(refusal(challenge)).serve(topics));
        net::io_context io;
        hk::client const client(io.get_executor(),
                                options_for(service.endpoint()).credential(secret_at(authority)));
        CHECK(run(io, client.topics()).good());
        CHECK(claims_asked(authority) == names{"", ""});
    }
}

TEST_CASE("a service that demands claims again and again gets one new token for each call")
{
    std::string const demand = refusal(challenge_for(claims, hk::detail::base64_form::standard));
    scripted_server const authority(script().serve(token_json("one")).forever());
    scripted_server const service(script().serve(demand).forever());
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(service.endpoint()).credential(secret_at(authority)));
    CHECK(run(io, client.topics()).error().code() == hk::errc::unauthorized);
    CHECK(service.requests().size() == 2);
    CHECK(claims_asked(authority) == names{"", encoded_claims});
}

TEST_CASE("claims that the authority cannot grant are not asked for again")
{
    std::string const demand = refusal(challenge_for(claims, hk::detail::base64_form::standard));
    scripted_server const authority(
        script()
            .serve(token_json("one"))
            .serve(
                http(400, R"({"error":"interaction_required","suberror":"basic_action","error_codes":[53003],
"trace_id":"trace","correlation_id":"correlation","claims":"{\"more\":1}","error_description":"No."})"))
            .serve(token_json("two")));
    scripted_server const service(script().serve(demand).serve(topics));
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(service.endpoint()).credential(secret_at(authority)));
    hk::error const refused = run(io, client.topics()).error();
    CHECK(refused.code() == hk::errc::token_refused);
    CHECK(refused.info().server_code == "interaction_required");
    CHECK(refused.info().suberror == "basic_action");
    CHECK(refused.info().error_codes == std::vector<std::int64_t>{53003});
    CHECK(refused.info().trace_id == "trace");
    CHECK(refused.info().correlation_id == "correlation");
    CHECK(refused.info().claims == R"({"more":1})");
    CHECK(run(io, client.topics()).good());
    CHECK(claims_asked(authority) == names{"", encoded_claims, ""});
}

TEST_CASE("a callback is told what is demanded")
{
    std::vector<hk::token_request> asked;
    hk::credential const who =
        hk::token_callback([&asked](hk::token_request what) -> net::awaitable<hk::access_token> {
            asked.push_back(what);
            co_return hk::access_token("token-" + std::to_string(asked.size()));
        }).scope("api://x/.default");
    scripted_server const service(
        script().serve(refusal(challenge_for(claims, hk::detail::base64_form::url))).serve(topics));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(service.endpoint()).credential(who));
    CHECK(run(io, client.topics()).good());
    REQUIRE(asked.size() == 2);
    CHECK(asked[0].scopes() == names{"api://x/.default"});
    CHECK(asked[0].claims() == "");
    CHECK(asked[1].claims() == claims);
}

TEST_CASE("an authority that wants to be left alone is not asked again before its time")
{
    for (int const status : {429, 503}) {
        CAPTURE(status);
        scripted_server const authority(
            script()
                .serve(http(status, R"({"error":"temporarily_unavailable"})", "Retry-After: 3000\r\n"))
                .serve(token_json("one")));
        scripted_server const service(script().serve(topics).forever());
        net::io_context io;
        hk::client const client(io.get_executor(),
                                options_for(service.endpoint()).credential(secret_at(authority)));
        hk::error const first = run(io, client.topics()).error();
        hk::error const second = run(io, client.topics()).error();
        CHECK(first.info().retry_after == 3000s);
        CHECK(second.code() == first.code());
        CHECK(second.info().http_status == status);
        CHECK(second.info().retriable());
        REQUIRE(second.info().retry_after);
        CHECK(*second.info().retry_after <= 3000s);
        CHECK(*second.info().retry_after > 2000s);
        CHECK(std::string(second.what()).find("not asked again yet") != std::string::npos);
        CHECK(authority.requests().size() == 1);
        CHECK(service.requests().empty());
    }
}

TEST_CASE("after a clock that jumped, or a suspended machine, the refused token is replaced")
{
    std::atomic<std::chrono::hours> gone{0h};
    hk::emulator_options options;
    options.clock([&gone] {
        return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now() + gone.load());
    });
    emulated service(std::move(options));
    hk::client const client(service.io.get_executor(), service.emulator.client_options());
    CHECK(service.run(client.topics()));
    CHECK(service.run(client.topics()));
    CHECK(service.emulator.token_requests() == 1);
    gone = 2h; // the token has expired, but not for a monotonic clock that stood still
    CHECK(service.run(client.topics()));
    CHECK(service.emulator.token_requests() == 2);
    gone = -2h; // and back
    CHECK(service.run(client.topics()));
}

TEST_CASE("a context that is stopped while it asks for a token keeps no other client waiting")
{
    gate asked;
    gate const never;
    scripted_server const authority(
        {script().read().tell(asked).await(never), script().serve(token_json("one")).forever()});
    scripted_server const service(script().serve(topics).forever());
    hk::credential const shared = secret_at(authority);

    net::io_context stopped;
    hk::client const first(stopped.get_executor(), options_for(service.endpoint()).credential(shared));
    ending<names> unfinished;
    start(stopped.get_executor(), first.topics(), unfinished);
    work_until(stopped, [&asked] { return asked.is_open(); });
    stopped.stop();

    net::io_context io;
    hk::client const second(io.get_executor(), options_for(service.endpoint()).credential(shared));
    CHECK(run(io, second.topics()).good());
    CHECK(authority.requests().size() == 2);
    CHECK_FALSE(unfinished.happened());

    // What the stopped one brings home late disturbs nobody, and it is served like everybody else.
    stopped.restart();
    work_until(stopped, [&unfinished] { return unfinished.happened(); });
    CHECK(unfinished.good());
    CHECK(authority.requests().size() == 2);
}
