// When a producer tries a service again that it could not reach: how long it rests, and who tries.
#include <hdikafka/detail/producer/service_pace.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>

namespace hk = hdikafka;
using namespace hdikafka::detail;
using namespace std::chrono_literals;

namespace {

service_pace::time_point at(std::chrono::milliseconds since) { return service_pace::time_point(24h) + since; }

hk::error refused() { return hk::error(hk::errc::connect_failed, "refused"); }

hk::error asks_for(std::chrono::milliseconds pause)
{
    hk::diagnostics info;
    info.retry_after = pause;
    return hk::error(hk::errc::throttled, std::move(info), "later");
}

} // namespace

TEST_CASE("half of each rest is certain, the other half is drawn, and the whole doubles up to a bound")
{
    hk::retry_policy const policy;
    CHECK(rest_after(policy, 1, 0) == 400ms);
    CHECK(rest_after(policy, 1, 0.5) == 600ms);
    CHECK(rest_after(policy, 2, 0) == 800ms);
    CHECK(rest_after(policy, 3, 0) == 1'600ms);
    CHECK(rest_after(policy, 4, 0) == 2'500ms);
    CHECK(rest_after(policy, 1'000'000, 0) == 2'500ms);
    CHECK(rest_after(policy, 1'000'000, 1) == 5s);
}

TEST_CASE("a policy's own bounds hold, and a rest is never nothing")
{
    auto const policy = hk::retry_policy().base_delay(100ms).max_delay(150ms);
    CHECK(rest_after(policy, 1, 0) == 50ms);
    CHECK(rest_after(policy, 2, 1) == 150ms);
    CHECK(rest_after(policy, 9, 1) == 150ms);
    CHECK(rest_after(hk::retry_policy().base_delay(0ms), 1, 0) == 500us);
    CHECK(rest_after(hk::retry_policy().base_delay(-5ms).max_delay(-1ms), 9, 0) == 500us);
    CHECK(rest_after(hk::retry_policy().base_delay(24h).max_delay(48h), 9, 1) == 5s);
}

TEST_CASE("a share outside of its range counts as the nearer end")
{
    CHECK(rest_after(hk::retry_policy(), 1, -3) == 400ms);
    CHECK(rest_after(hk::retry_policy(), 1, 3) == 800ms);
}

TEST_CASE("as long as the service is reached everybody may try at once")
{
    service_pace pace;
    CHECK(pace.opens() <= at(0ms));
    pace.begins(at(0ms));
    pace.begins(at(0ms));
    CHECK(pace.opens() <= at(0ms));
    CHECK_FALSE(pace.ailing());
    CHECK_FALSE(pace.reached());
    CHECK(pace.reason().empty());
}

TEST_CASE("after a failure nobody tries before the rest is over")
{
    service_pace pace;
    pace.failed(pace.begins(at(0ms)), at(10ms), 0, refused().cause());
    CHECK(pace.ailing());
    CHECK(pace.opens() == at(410ms));
    CHECK(pace.reason().find("refused") != std::string::npos);
}

TEST_CASE("those who began together fail as one")
{
    service_pace pace;
    auto const first = pace.begins(at(0ms));
    auto const second = pace.begins(at(0ms));
    pace.failed(first, at(10ms), 0, "refused");
    pace.failed(second, at(200ms), 0, "refused");
    CHECK(pace.opens() == at(410ms));
}

TEST_CASE("then one tries for all, and while he does the others wait, but not for ever")
{
    service_pace pace;
    pace.failed(pace.begins(at(0ms)), at(0ms), 0, "refused");
    auto const again = pace.begins(at(400ms));
    CHECK(pace.opens() == at(10'400ms));
    pace.failed(again, at(500ms), 0, "refused");
    CHECK(pace.opens() == at(1'300ms));
}

TEST_CASE("whoever gets there opens the way for all, and the next rest is a short one again")
{
    service_pace pace;
    pace.failed(pace.begins(at(0ms)), at(0ms), 0, "refused");
    pace.failed(pace.begins(at(400ms)), at(400ms), 0, "refused");
    pace.begins(at(2s));
    CHECK(pace.reached());
    CHECK_FALSE(pace.reached());
    CHECK_FALSE(pace.ailing());
    CHECK(pace.opens() <= at(2s));
    pace.failed(pace.begins(at(3s)), at(3s), 0, "refused");
    CHECK(pace.opens() == at(3'400ms));
}

TEST_CASE("a failure of before somebody got there is old news")
{
    service_pace pace;
    auto const slow = pace.begins(at(0ms));
    pace.failed(pace.begins(at(0ms)), at(0ms), 0, "refused");
    pace.begins(at(400ms));
    pace.reached();
    pace.failed(slow, at(500ms), 0, "refused");
    CHECK_FALSE(pace.ailing());
}

TEST_CASE("when he who tries does not find out, the next may try at once")
{
    service_pace pace;
    auto const old = pace.begins(at(0ms));
    pace.failed(old, at(0ms), 0, "refused");
    auto const mine = pace.begins(at(400ms));
    CHECK_FALSE(pace.abandoned(old));
    CHECK(pace.opens() > at(400ms));
    CHECK(pace.abandoned(mine));
    CHECK(pace.opens() == at(400ms));
    CHECK_FALSE(pace.abandoned(mine));
}

TEST_CASE(
    "a service that wants to be left alone is, also when somebody gets there meanwhile, but not for days")
{
    service_pace pace;
    CHECK(pace.heed(asks_for(30s), at(0ms)));
    CHECK_FALSE(pace.heed(refused(), at(0ms)));
    CHECK(pace.heed(asks_for(10s), at(0ms)));
    CHECK(pace.opens() == at(30s));
    pace.failed(pace.begins(at(0ms)), at(0ms), 0, "refused");
    pace.reached();
    CHECK(pace.opens() == at(30s));
    pace.heed(asks_for(1'000h), at(0ms));
    CHECK(pace.opens() == at(1h));
}

TEST_CASE("a policy without retries has nothing tried again")
{
    CHECK(service_pace().retries());
    CHECK_FALSE(service_pace(hk::retry_policy().max_retries(0)).retries());
}

TEST_CASE("a record that was not sent in time is told why")
{
    service_pace pace;
    pace.failed(pace.begins(at(0ms)), at(0ms), 0, "connection refused");
    hk::error const told = pace.out_of_time();
    CHECK(told.code() == hk::errc::timed_out);
    CHECK(told.info().retriable());
    CHECK(told.info().persisted() == hk::persistence::none);
    CHECK(told.cause().find("connection refused") != std::string::npos);
}
