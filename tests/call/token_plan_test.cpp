// When tokens are asked for, used and waited for, on a clock of the test's own.
#include "support/call/token_steps.hpp"

#include <hdikafka/detail/call/token_plan.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>

using namespace hdikafka::detail;
using namespace test;
using namespace std::chrono_literals;

namespace {

/// A plan whose token is renewed at `refresh` and ends at `expiry`, counted from the start.
token_plan with_token(std::chrono::seconds refresh, std::chrono::seconds expiry)
{
    token_plan plan;
    plan.succeeded(token_times(start + refresh, start + expiry));
    return plan;
}

/// What is done at a moment by one who would wait; what it starts is forgotten.
token_step step_at(token_plan plan, std::chrono::nanoseconds since_start, bool waits = true)
{
    return plan.look(start + since_start, waits);
}

} // namespace

TEST_CASE("without a token one waits, and the first who does asks")
{
    token_plan plan;
    token_step const only_looked = plan.look(start, false);
    CHECK(awaits(only_looked));
    CHECK_FALSE(only_looked.ask);
    token_step const first = plan.look(start, true);
    CHECK(awaits(first));
    CHECK(first.ask);
    token_step const second = plan.look(start, true);
    CHECK(awaits(second));
    CHECK_FALSE(second.ask);
}

TEST_CASE("a token serves, is renewed once while it still serves, and ends")
{
    token_plan plan = with_token(10s, 20s);
    CHECK(uses(step_at(plan, 0s)));
    CHECK_FALSE(step_at(plan, 10s - 1ns).ask);
    CHECK(step_at(plan, 10s, false).ask);
    CHECK(uses(step_at(plan, 20s - 1ns)));
    CHECK(awaits(step_at(plan, 20s)));
    CHECK(awaits(step_at(plan, 1000h)));

    CHECK(plan.look(start + 10s, true).ask);
    token_step const beside = plan.look(start + 11s, true);
    CHECK(uses(beside));
    CHECK_FALSE(beside.ask);
    CHECK(awaits(plan.look(start + 20s, true)));
    plan.succeeded(token_times(start + 30s, start + 40s));
    CHECK(uses(plan.look(start + 20s, true)));
}

TEST_CASE("a renewal that fails in the background is tried again after a while, and fails nobody")
{
    token_plan plan = with_token(10s, 100s);
    CHECK(plan.look(start + 10s, true).ask);
    plan.failed(start + 12s, token_setback(lost, 0));
    token_step const soon = plan.look(start + 41s, true);
    CHECK(uses(soon));
    CHECK_FALSE(soon.ask);
    CHECK(plan.look(start + 42s, true).ask);
}

TEST_CASE("after a failure that could heal at once each call that needs a token asks, one at a time")
{
    token_plan plan;
    CHECK(plan.look(start, true).ask);
    plan.failed(start + 1s, token_setback(lost, 0));
    CHECK(plan.look(start + 1s, true).ask);
    CHECK_FALSE(plan.look(start + 1s, true).ask);
}

TEST_CASE("nobody asks before a Retry-After has passed, with a token or without")
{
    token_plan plan;
    CHECK(plan.look(start, true).ask);
    plan.failed(start, token_setback(leave_me_alone(90s), 0.5));
    token_step const early = plan.look(start + 90s - 1ns, true);
    CHECK(refuses(early));
    CHECK_FALSE(early.ask);
    CHECK(plan.held_until() == start + 90s);
    CHECK(plan.look(start + 90s, true).ask);

    token_plan renewing = with_token(10s, 1000s);
    CHECK(renewing.look(start + 10s, true).ask);
    renewing.failed(start + 10s, token_setback(leave_me_alone(300s), 0));
    token_step const still_good = renewing.look(start + 309s, true);
    CHECK(uses(still_good));
    CHECK_FALSE(still_good.ask);
    CHECK(renewing.look(start + 310s, true).ask);

    SUBCASE("also when the service refuses the token meanwhile")
    {
        token_plan refused = with_token(10s, 1000s);
        CHECK(refused.look(start + 10s, true).ask);
        refused.failed(start + 10s, token_setback(leave_me_alone(300s), 0));
        refused.dropped();
        CHECK(refuses(refused.look(start + 20s, true)));
    }
    SUBCASE("but not for a day")
    {
        plan.failed(start + 90s, token_setback(leave_me_alone(24h), 0));
        CHECK(refuses(step_at(plan, 1h)));
        CHECK(plan.look(start + 90s + 1h, true).ask);
    }
}

TEST_CASE("a refused token is asked for anew, and a request that was given up can be made again")
{
    token_plan plan = with_token(10s, 100s);
    plan.dropped();
    CHECK(awaits(step_at(plan, 1s)));
    CHECK(plan.look(start + 1s, true).ask);
    plan.abandoned(start + 1s);
    CHECK(plan.look(start + 1s, true).ask);
}

TEST_CASE("renewal is due when the authority says, else at half-life or five minutes before the end")
{
    auto const due = [](std::chrono::seconds lifetime, std::optional<std::chrono::seconds> refresh_in) {
        return plan_token(start, lifetime, refresh_in, 0).refresh_at - start;
    };
    CHECK(due(3599s, std::nullopt) == 3299s);
    CHECK(due(3600s, std::nullopt) == 55min);
    CHECK(due(2h - 1s, std::nullopt) == 2h - 1s - 5min);
    CHECK(due(2h, std::nullopt) == 1h);
    CHECK(due(24h, std::nullopt) == 12h);
    CHECK(due(3600s, 100s) == 100s);
    CHECK(due(24h, 43200s) == 12h);
    CHECK(due(24h, 20h) == 20h);
    SUBCASE("at half-life as well where that would be before it began")
    {
        CHECK(due(300s, std::nullopt) == 150s);
        CHECK(due(60s, std::nullopt) == 30s);
        CHECK(due(3600s, 0s) == 30min);
    }
}

TEST_CASE("jitter makes renewals earlier, by a little")
{
    for (double const jitter : {0.0, 0.25, 0.5, almost_one}) {
        auto const at = plan_token(start, 3600s, std::nullopt, jitter).refresh_at;
        CHECK(at <= start + 55min);
        CHECK(at >= start + 49min);
    }
    CHECK(plan_token(start, 3600s, std::nullopt, 0.9).refresh_at <
          plan_token(start, 3600s, std::nullopt, 0.1).refresh_at);
}

TEST_CASE("a token is not used past its life, nor given up long before")
{
    for (std::chrono::seconds const lifetime : {10s, 60s, 600s, 3599s, 86400s}) {
        CAPTURE(lifetime.count());
        auto const times = plan_token(start, lifetime, std::nullopt, 0);
        CHECK(times.expires_at <= start + lifetime);
        CHECK(times.expires_at >= start + lifetime - std::max<std::chrono::seconds>(lifetime / 10, 5s));
        token_plan plan;
        plan.succeeded(times);
        CHECK(plan.look(start, true).action == token_action::use);
        CHECK(plan.look(start + lifetime, true).action == token_action::wait);
    }
}

TEST_CASE("a token without a life is never used")
{
    for (std::chrono::seconds const lifetime : {0s, -1s, -3600s, std::chrono::seconds::min()}) {
        token_plan plan;
        plan.succeeded(plan_token(start, lifetime, std::nullopt, 0));
        CHECK(plan.look(start, true).action == token_action::wait);
    }
}

namespace {

/// An identity platform that answers after a second, but for its outages.
class authority
{
public:
    explicit authority(std::chrono::seconds life) : lifetime(life) {}

    std::chrono::seconds lifetime; ///< Of its tokens.
    bool up = true;
    int asked = 0;

    /// The request's end at a moment, for one that was begun a second before.
    void answer(token_plan& plan, steady_time now)
    {
        ++asked;
        if (up)
            plan.succeeded(plan_token(now, lifetime, std::nullopt, 0.5));
        else
            plan.failed(now, token_setback(lost, 0));
    }
};

/// What a program's calls have met.
class experience
{
public:
    int calls = 0;
    int waited = 0; ///< For a token, with success.
    int failed = 0;
};

/// A program that calls every ten seconds, for some time.
void live(token_plan& plan, authority& identity, steady_time& now, std::chrono::seconds span,
          experience& lived)
{
    steady_time const end = now + span;
    for (; now < end; now += 10s) {
        token_step const step = plan.look(now, true);
        if (step.ask)
            identity.answer(plan, now + 1s);
        ++lived.calls;
        if (!uses(step))
            ++(uses(plan.look(now + 1s, false)) ? lived.waited : lived.failed);
    }
}

} // namespace

TEST_CASE("three days of life: one wait for the first token, and none but after idling past its end")
{
    token_plan plan;
    authority identity(3599s);
    experience lived;
    steady_time now = start;

    live(plan, identity, now, 24h, lived);
    CHECK(lived.waited == 1);
    CHECK(lived.failed == 0);
    int const a_day = identity.asked;
    CHECK(a_day >= 26); // a token lives an hour and is renewed some minutes before its end
    CHECK(a_day <= 30);

    now += 3h; // idle
    live(plan, identity, now, 21h, lived);
    CHECK(lived.waited == 2);
    CHECK(lived.failed == 0);

    // Fresh as late as possible before the outage begins, so that the renewals fall into it.
    while (!plan.look(now, true).ask)
        now += 10s;
    identity.up = false;
    identity.answer(plan, now + 1s);
    int const before = identity.asked;
    experience outage;
    live(plan, identity, now, 4min, outage);
    CHECK(outage.failed == 0);
    CHECK(outage.waited == 0);
    CHECK(identity.asked - before ==
          5); // every half a minute, by the next call, which comes within ten seconds
    identity.up = true;
    live(plan, identity, now, 23h, lived);
    CHECK(lived.waited == 2);
    CHECK(lived.failed == 0);
}

TEST_CASE("an outage of twenty minutes just when renewal is due fails no call while the token lives")
{
    token_plan plan;
    authority identity(24h); // a managed identity's tokens
    experience lived;
    steady_time now = start;
    live(plan, identity, now, 11h, lived);
    CHECK(identity.asked == 1);

    identity.up = false;
    live(plan, identity, now, 80min, lived); // renewal is due within the first hour
    CHECK(identity.asked > 30);
    identity.up = true;
    live(plan, identity, now, 24h, lived);
    CHECK(lived.waited == 1);
    CHECK(lived.failed == 0);
}

TEST_CASE("an outage beyond the token's end fails the calls after it, and those alone")
{
    token_plan plan;
    authority identity(3599s);
    experience lived;
    steady_time now = start;
    live(plan, identity, now, 10min, lived);
    identity.up = false;
    live(plan, identity, now, 59min - 10min, lived);
    CHECK(lived.failed == 0);
    live(plan, identity, now, 11min, lived);
    CHECK(lived.failed == 60); // ten minutes of calls, and the last seconds of the token's hour
    identity.up = true;
    live(plan, identity, now, 24h, lived);
    CHECK(lived.failed == 60);
    CHECK(lived.waited == 2);
}
