// What calls meet while an authority throttles, refuses or says nothing, and how soon it is left alone.
#include "support/net/running.hpp"

#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

using namespace test;

namespace {

using names = std::vector<std::string>;
std::string const topics = http(200, R"({"topics":["orders"]})");

std::string token_json(std::string const& token)
{
    return http(200, R"({"token_type":"Bearer","expires_in":3599,"access_token":")" + token + "\"}");
}

hk::client_secret_credential secret_at(scripted_server const& authority)
{
    return hk::client_secret_credential("contoso.example", "id-1", "a secret that nobody sees")
        .authority_host(authority.endpoint());
}

/// What a client has told of its token requests.
class token_news
{
public:
    void operator()(hk::retry_scheduled const& event) { retries += event.call.operation == "token" ? 1 : 0; }
    void operator()(hk::token_renewed const& event)
    {
        ++renewals;
        failed += event.code ? 1 : 0;
    }

    int retries = 0;
    int renewals = 0; ///< Requests that came to an outcome, good or bad.
    int failed = 0;
};

/// A client between a service and an authority that is to be waited for without an end.
class site
{
public:
    explicit site(script authority_does, hk::retry_policy retry = hk::retry_policy().max_retries(0))
        : authority(std::move(authority_does)),
          service(script().serve(topics).forever()),
          client(io.get_executor(), options_for(service.endpoint())
                                        .credential(secret_at(authority))
                                        .retry(std::move(retry))
                                        .connect_timeout(10min)
                                        .idle_timeout(10min)
                                        .observer(hk::observer(news)))
    {}

    ending<names> call() { return run(io, client.topics()); }

    scripted_server authority;
    scripted_server service;
    std::shared_ptr<token_news> news = std::make_shared<token_news>();
    net::io_context io;
    hk::client client;
};

bool says(hk::error const& failure, std::string const& some)
{
    return std::string(failure.what()).find(some) != std::string::npos;
}

hk::call_options briefly() { return hk::call_options().timeout(20ms); }

} // namespace

TEST_CASE("a call whose time is over while a token is waited for says what the authority answered last")
{
    for (std::string const body :
         {R"({"error":"temporarily_unavailable","error_description":"slow down"})", "slow down"}) {
        CAPTURE(body);
        site here(script().serve(http(429, body, "Retry-After: 60\r\n")).forever(), quickly(3));
        running_call<names> const patient(here.io, here.client.topics());
        work_until(here.io, [&here] { return here.news->retries == 1; });
        ending<names> hurried;
        start(here.io.get_executor(), here.client.topics(briefly()), hurried);
        work_until(here.io, [&hurried] { return hurried.happened(); });
        hk::error const late = hurried.error();
        CHECK(late.code() == hk::errc::timed_out);
        CHECK(late.info().http_status == 429);
        CHECK(late.info().retry_after == 60s);
        CHECK(late.info().server_message == "slow down");
        CHECK(late.info().server_code == (body == "slow down" ? "" : "temporarily_unavailable"));
        CHECK(late.info().retriable());
        CHECK(says(late, "while waiting for a token"));
        CHECK(says(late, "the answer to the token request: HTTP 429"));
        CHECK(says(late, "Retry-After 60 s: slow down"));
        CHECK_FALSE(says(late, "topic or"));
        check_what(late, "topics");
        CHECK_FALSE(patient.end.happened());
    }
}

TEST_CASE("a call whose time is over says what kept the token request from an answer")
{
    gate const again;
    scripted_server const authority({script().read().reset(), script().read().tell(again).stall()});
    scripted_server const service(script().serve(topics).forever());
    net::io_context io;
    hk::client const client(
        io.get_executor(),
        options_for(service.endpoint()).credential(secret_at(authority)).retry(quickly(3)));
    running_call<names> const patient(io, client.topics());
    work_until(io, [&again] { return again.is_open(); });
    ending<names> hurried;
    start(io.get_executor(), client.topics(briefly()), hurried);
    work_until(io, [&hurried] { return hurried.happened(); });
    CHECK(hurried.code() == hk::errc::timed_out);
    CHECK(says(hurried.error(), "; the token request: "));
    CHECK(hurried.error().info().http_status == 0);
}

TEST_CASE("a request that waits out a Retry-After is given up, and not made again before")
{
    site here(script().serve(http(429, "slow down", "Retry-After: 100\r\n")).serve(token_json("one")),
              quickly(3));
    running_call<names> patient(here.io, here.client.topics());
    work_until(here.io, [&here] { return here.news->retries == 1; });
    patient.cancel();
    here.io.restart();
    here.io.run();
    CHECK(here.news->renewals == 0);
    hk::error const next = here.call().error();
    CHECK(next.code() == hk::errc::throttled);
    CHECK(next.info().http_status == 429);
    CHECK(next.info().retry_after <= 100s);
    CHECK(says(next, "not asked again yet"));
    CHECK(here.authority.requests().size() == 1);
}

TEST_CASE("throttled without a Retry-After, a hundred calls do not make a hundred requests")
{
    for (int const status : {429, 503}) {
        CAPTURE(status);
        site here(script().serve(http(status, R"({"error":"temporarily_unavailable"})")).forever());
        hk::error const first = here.call().error();
        CHECK(first.info().http_status == status);
        for (int i = 0; i != 99; ++i) {
            hk::error const next = here.call().error();
            CHECK(next.code() == first.code());
            CHECK(next.info().http_status == status);
            CHECK(next.info().retriable());
        }
        CHECK(here.authority.requests().size() < 10);
        CHECK(here.service.requests().empty());
    }
}

TEST_CASE("a secret that is refused is not asked for again by the hundred")
{
    std::string const refusal =
        R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."})";
    for (int const status : {400, 401}) {
        CAPTURE(status);
        site here(script().serve(http(status, refusal)).forever());
        for (int i = 0; i != 100; ++i) {
            hk::error const refused = here.call().error();
            CHECK(refused.code() == hk::errc::token_refused);
            CHECK(refused.info().http_status == status);
            CHECK(refused.info().server_code == "invalid_client");
            CHECK_FALSE(refused.info().retry_after);
            CHECK_FALSE(refused.info().retriable());
        }
        CHECK(here.authority.requests().size() < 10);
    }
}

TEST_CASE("after a failure of the network the next call asks at once")
{
    scripted_server const authority({script().read().reset(), script().serve(token_json("one")).forever()});
    scripted_server const service(script().serve(topics).forever());
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(service.endpoint()).credential(secret_at(authority)));
    CHECK_FALSE(run(io, client.topics()).good());
    CHECK(run(io, client.topics()).good());
}

namespace {

/// Waits for ever, unless it is cancelled.
net::awaitable<hk::access_token> silence()
{
    net::steady_timer timer(co_await net::this_coro::executor, std::chrono::steady_clock::time_point::max());
    co_await timer.async_wait(net::use_awaitable);
    co_return hk::access_token("never");
}

} // namespace

TEST_CASE(
    "no token request keeps a context busy that nobody waits for any more, whatever it waits for itself")
{
    scripted_server const service(script().serve(topics).forever());
    scripted_server const mute(script().read().stall());
    scripted_server const deaf(script().without_handshake().stall());
    scripted_server const busy(script().serve(http(429, "", "Retry-After: 100\r\n")).forever());
    auto const news = std::make_shared<token_news>();
    net::io_context io;
    std::deque<hk::client> clients;
    std::deque<ending<names>> ends;
    for (hk::credential const& who :
         {hk::credential(secret_at(mute)), hk::credential(secret_at(deaf)), hk::credential(secret_at(busy)),
          hk::credential(hk::token_callback(&silence))}) {
        clients.emplace_back(io.get_executor(), options_for(service.endpoint())
                                                    .credential(who)
                                                    .retry(quickly(3))
                                                    .connect_timeout(10min)
                                                    .idle_timeout(10min)
                                                    .observer(hk::observer(news)));
        start(io.get_executor(), clients.back().topics(briefly()), ends.emplace_back());
    }
    io.run();
    for (auto const& end : ends)
        CHECK(end.code() == hk::errc::timed_out);
    CHECK(news->renewals == 0); // given up, rather than at an end of their own
}

TEST_CASE("a renewal in the background does not keep a context busy after the calls")
{
    site here(script()
                  .serve(http(200, R"({"access_token":"old","expires_in":3599,"refresh_in":1})"))
                  .read()
                  .stall());
    while (here.authority.requests().size() < 2) {
        ending<names> end;
        start(here.io.get_executor(), here.client.topics(), end);
        work_until(here.io, [&end] { return end.happened(); });
        CHECK(end.good());
    }
    here.io.restart();
    here.io.run();
    CHECK(here.news->renewals == 1);
    CHECK(here.news->failed == 0);
    CHECK(here.call().good()); // with the old token, and no renewal is begun again at once
    CHECK(here.authority.requests().size() == 2);
}

TEST_CASE("one who comes when the others have gone takes over their request")
{
    gate const go_on;
    gate const asked;
    site here(script().read().tell(asked).await(go_on).send(token_json("one")).stall());
    running_call<names> first(here.io, here.client.topics());
    work_until(here.io, [&asked] { return asked.is_open(); });
    first.cancel();
    ending<names> second;
    start(here.io.get_executor(), here.client.topics(), second);
    take_all_steps(here.io);
    go_on.open();
    here.io.restart();
    here.io.run();
    CHECK(second.good());
    CHECK(here.authority.requests().size() == 1);
}
