// When nobody asks for a token: while an authority wants to be left alone or refuses, when a request is given
// up, and when an executor on which one was begun runs no more. On a clock of the test's own.
#include "support/call/token_steps.hpp"

#include <hdikafka/detail/call/token_plan.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace hdikafka::detail;
using namespace test;
using namespace std::chrono_literals;

namespace {

/// A failure that an answer told.
hk::error answered(hk::errc code, int status)
{
    hk::diagnostics info;
    info.http_status = status;
    return hk::error(code, info);
}

hk::error const bad_secret = answered(hk::errc::token_refused, 401);
hk::error const too_many = answered(hk::errc::throttled, 429);

/// A request that begins at a moment at which it may, and fails at once.
void fail(token_plan& plan, steady_time now, hk::error const& failure, double random = 0)
{
    REQUIRE(plan.look(now, true).ask);
    plan.failed(now, token_setback(failure, random));
}

/// How long nobody asks after a failure.
std::chrono::nanoseconds hold_after(token_plan& plan, steady_time now, hk::error const& failure,
                                    double random = 0)
{
    fail(plan, now, failure, random);
    return plan.held_until() - now;
}

} // namespace

TEST_CASE("who is throttled without a Retry-After asks less and less, until there is a token")
{
    for (hk::error const& failure : {too_many, answered(hk::errc::service_failed, 503), leave_me_alone(0s)}) {
        CAPTURE(failure.info().http_status);
        token_plan plan;
        steady_time now = start;
        for (std::chrono::seconds const hold : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
            CHECK(hold_after(plan, now, failure) == hold);
            CHECK(refuses(plan.look(now + hold - 1ns, true)));
            now += hold;
        }
        CHECK(plan.look(now, true).ask);
        plan.succeeded(token_times(now + 1s, now + 2s));
        CHECK(uses(plan.look(now, true)));
        CHECK(hold_after(plan, now + 2s, failure) == 1s);
    }
}

TEST_CASE("who is refused asks once more at once, as what was wrong may have been mended, then less and less")
{
    for (hk::error const& failure : {bad_secret, answered(hk::errc::token_refused, 400)}) {
        CAPTURE(failure.info().http_status);
        token_plan plan;
        steady_time now = start;
        for (std::chrono::seconds const hold : {0s, 1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
            CHECK(hold_after(plan, now, failure) == hold);
            now += hold;
        }
        CHECK(refuses(plan.look(now - 1ns, true)));
        CHECK(plan.look(now, true).ask);
        plan.succeeded(token_times(now + 1s, now + 2s));
        CHECK(hold_after(plan, now + 2s, failure) == 0s);
    }
}

TEST_CASE("jitter leaves out up to a half of such a wait, and nothing of a Retry-After")
{
    for (double const random : {0.0, 0.25, almost_one}) {
        token_plan plan;
        CHECK(hold_after(plan, start, too_many, random) <= 1s);
        CHECK(hold_after(plan, start + 1s, too_many, random) >= 1s);
        CHECK(hold_after(plan, start + 10s, leave_me_alone(60s), random) == 60s);
    }
    token_plan early;
    token_plan late;
    CHECK(hold_after(early, start, too_many, 0.9) < hold_after(late, start, too_many, 0.1));
}

TEST_CASE("a failure that could heal at once holds nobody back")
{
    for (hk::error const& failure :
         {lost, answered(hk::errc::service_failed, 500), hk::error(hk::errc::token_refused),
          hk::error(hk::errc::timed_out), answered(hk::errc::no_credential, 400)}) {
        token_plan plan;
        CHECK(hold_after(plan, start, failure) < 0s);
    }
}

TEST_CASE("what the authority says on the way of a request that is then given up holds all the same")
{
    token_plan plan;
    CHECK(plan.look(start, true).ask);
    plan.met(start + 1s, token_setback(leave_me_alone(60s), 0));
    CHECK(awaits(plan.look(start + 2s, true))); // for this request, which goes on
    plan.abandoned(start + 5s);
    CHECK(refuses(plan.look(start + 61s - 1ns, true)));
    CHECK(plan.look(start + 61s, true).ask);
}

TEST_CASE("what a request met that came to its token holds nobody back")
{
    token_plan plan;
    CHECK(plan.look(start, true).ask);
    plan.met(start, token_setback(too_many, 0));
    plan.succeeded(token_times(start + 1s, start + 2s));
    CHECK(plan.look(start + 2s, true).ask);
    plan.failed(start + 2s, token_setback(lost, 0));
    CHECK(hold_after(plan, start + 2s, too_many) == 1s);
}

TEST_CASE("one request that is throttled again and again on its way counts once")
{
    token_plan plan;
    CHECK(plan.look(start, true).ask);
    for (int i = 0; i != 3; ++i)
        plan.met(start, token_setback(too_many, 0));
    plan.failed(start, token_setback(too_many, 0));
    CHECK(plan.held_until() == start + 1s);
    CHECK(hold_after(plan, start + 1s, too_many) == 2s);
}

TEST_CASE("a request is wanted while somebody waits, and a little longer")
{
    token_plan plan;
    CHECK(plan.look(start, true).ask);
    CHECK(plan.wanted(start + 50s, true));
    CHECK(plan.wanted(start + 53s - 1ns, false));
    CHECK_FALSE(plan.wanted(start + 53s, false));
    SUBCASE("also when another comes after the last one has gone")
    {
        CHECK(awaits(plan.look(start + 52s, true)));
        CHECK(plan.wanted(start + 55s - 1ns, false));
        CHECK_FALSE(plan.wanted(start + 55s, false));
    }
}

TEST_CASE("a renewal in the background is wanted as long as calls use the old token, and a little longer")
{
    token_plan plan;
    plan.succeeded(token_times(start + 10s, start + 100s));
    CHECK(plan.look(start + 10s, false).ask);
    CHECK(plan.wanted(start + 13s - 1ns, false));
    CHECK(uses(plan.look(start + 12s, false)));
    CHECK(plan.wanted(start + 15s - 1ns, false));
    CHECK_FALSE(plan.wanted(start + 15s, false));
    plan.abandoned(start + 15s);
    SUBCASE("and is not begun again at once")
    {
        CHECK_FALSE(plan.look(start + 45s - 1ns, false).ask);
        CHECK(plan.look(start + 45s, false).ask);
    }
}

TEST_CASE("an executor is taken for stopped when it shows no sign of life several times in a row")
{
    constexpr auto pulse = pulse_watch::pulse;
    pulse_watch watch;
    CHECK_FALSE(watch.misses(1, 7, start));
    CHECK_FALSE(watch.misses(1, 7, start + pulse));
    CHECK_FALSE(watch.misses(1, 7, start + 2 * pulse));
    SUBCASE("to one who looks often, too")
    {
        for (int i = 0; i != 10; ++i)
            CHECK_FALSE(watch.misses(1, 7, start + 3 * pulse - 1ns));
        CHECK(watch.misses(1, 7, start + 3 * pulse));
    }
    SUBCASE("not after a pause in which nobody looked, however long")
    {
        pulse_watch asleep;
        CHECK_FALSE(asleep.misses(1, 7, start));
        CHECK_FALSE(asleep.misses(1, 7, start + 10h));
    }
    SUBCASE("not when it did show one")
    {
        CHECK_FALSE(watch.misses(1, 8, start + 3 * pulse));
        CHECK_FALSE(watch.misses(1, 8, start + 5 * pulse));
    }
    SUBCASE("not when another request has taken the place of the first")
    {
        CHECK_FALSE(watch.misses(2, 7, start + 3 * pulse));
        CHECK_FALSE(watch.misses(2, 7, start + 5 * pulse));
    }
}
