// Who gets which connection, when one is made, and who learns that none could be: decisions without a
// network.
#include <hdikafka/detail/net/pool_plan.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <list>
#include <utility>
#include <vector>

using namespace hdikafka::detail;
using namespace std::chrono_literals;

namespace {

using moment = pool_plan::time_point;

constexpr double half = 0.5;

/// A plan, and what it wanted done.
class planned
{
public:
    explicit planned(std::size_t limit) : plan(limit) {}

    void act()
    {
        for (;;) {
            pool_step const step = plan.next(now, half);
            if (step.action == pool_action::none)
                return;
            if (step.action == pool_action::dial)
                dials.push_back(step.ticket);
            else if (step.action == pool_action::tell)
                told.push_back(step.who);
            else
                ++(step.action == pool_action::evict ? evicted : given_up);
        }
    }

    /// One that waits.
    connection_asker& ask(bool fresh = false)
    {
        connection_asker& one = askers.emplace_back(fresh);
        plan.join(one);
        act();
        return one;
    }

    void fail(std::size_t dial, bool for_good = false)
    {
        plan.failed(dials.at(dial), for_good, now, half);
        act();
    }

    connection_asker* succeed(std::size_t dial)
    {
        connection_asker* const who = plan.dialled(dials.at(dial));
        act();
        return who;
    }

    connection_asker* free()
    {
        connection_asker* const who = plan.freed(now);
        act();
        return who;
    }

    /// `count` connections that are in use.
    void open(std::size_t count)
    {
        for (std::size_t i = 0; i != count; ++i) {
            ask();
            succeed(dials.size() - 1);
        }
        dials.clear();
    }

    using list = std::vector<connection_asker*>;

    pool_plan plan;
    moment now = moment(1h);
    std::list<connection_asker> askers;
    std::vector<dial_ticket> dials;
    list told;
    std::size_t evicted = 0;
    std::size_t given_up = 0;
};

} // namespace

TEST_CASE("one who waits takes the connection that is freed while its own dial stalls, which serves the next")
{
    planned pool(2);
    pool.open(1);
    connection_asker& first = pool.ask();
    REQUIRE(pool.dials.size() == 1);
    CHECK(pool.free() == &first);
    connection_asker& second = pool.ask();
    CHECK(pool.dials.size() == 1); // the first one's does
    CHECK(pool.succeed(0) == &second);
}

TEST_CASE("those who wait are served in the order in which they came, by whatever comes")
{
    planned pool(3);
    pool.open(1);
    connection_asker& first = pool.ask();
    connection_asker& second = pool.ask();
    connection_asker& third = pool.ask();
    CHECK(pool.dials.size() == 2); // no more places
    CHECK(pool.succeed(1) == &first);
    CHECK(pool.free() == &second);
    CHECK(pool.succeed(0) == &third);
    CHECK(pool.plan.in_use() == 3);
}

TEST_CASE("one whose connection turned out to be dead has its place in the line again")
{
    planned pool(1);
    pool.open(1);
    connection_asker& first = pool.ask();
    connection_asker& second = pool.ask();
    connection_asker& third = pool.ask();
    REQUIRE(pool.free() == &first);
    pool.plan.lost();
    pool.plan.join(first);
    pool.act();
    CHECK(pool.succeed(0) == &first);
    CHECK(pool.free() == &second);
    CHECK(pool.free() == &third);
}

TEST_CASE(
    "one who wants a fresh connection is not served with a used one, and passed over only for one of its own")
{
    planned pool(2);
    pool.open(1);
    connection_asker& fresh = pool.ask(true);
    connection_asker& other = pool.ask();
    REQUIRE(pool.dials.size() == 1);
    CHECK(pool.free() == &other); // there is a dial for the first
    CHECK(pool.succeed(0) == &fresh);

    connection_asker& next = pool.ask(true);
    pool.ask();
    CHECK(pool.free() == nullptr); // all are in use: the place is for the first, who has nothing yet
    CHECK(pool.evicted == 1);
    REQUIRE(pool.dials.size() == 2);
    CHECK(pool.succeed(1) == &next);
}

TEST_CASE("what is idle makes room for a fresh connection when there is no other place")
{
    planned pool(1);
    pool.open(1);
    REQUIRE(pool.free() == nullptr);
    connection_asker& fresh = pool.ask(true);
    CHECK(pool.evicted == 1);
    REQUIRE(pool.dials.size() == 1);
    CHECK(pool.succeed(0) == &fresh);
}

TEST_CASE("however many wait, so many dials are under way at most")
{
    planned pool(1'000);
    for (int i = 0; i != 1'000; ++i)
        pool.ask();
    CHECK(pool.dials.size() == pool_plan::most_dials);
    pool.succeed(0);
    CHECK(pool.dials.size() == pool_plan::most_dials + 1);
}

TEST_CASE(
    "a failure is told to the one whose dial it was, and not before the dials begun earlier have failed")
{
    planned pool(3);
    connection_asker& first = pool.ask();
    connection_asker& second = pool.ask();
    connection_asker& third = pool.ask();
    pool.fail(1);
    CHECK(pool.told.empty()); // the first dial may serve either yet
    pool.fail(0);
    CHECK(pool.told == planned::list{&first, &second});
    CHECK(pool.succeed(2) == &third);
}

TEST_CASE("a failure is told to all who waited when the dial began")
{
    planned pool(1);
    connection_asker& first = pool.ask();
    connection_asker& second = pool.ask();
    connection_asker& third = pool.ask();
    pool.fail(0);
    CHECK(pool.told == planned::list{&first});
    pool.now = pool.plan.due();
    pool.act();
    REQUIRE(pool.dials.size() == 2);
    pool.ask();
    pool.fail(1);
    CHECK(pool.told == planned::list{&first, &second, &third});
}

TEST_CASE("one whose dial failed waits on for the connections in use, and learns of it when they are gone")
{
    planned pool(3);
    pool.open(2);
    connection_asker& first = pool.ask();
    pool.fail(0);
    CHECK(pool.told.empty());
    CHECK(pool.free() == &first);
    connection_asker& second = pool.ask();
    pool.now = pool.plan.due();
    pool.act();
    pool.fail(1);
    pool.plan.lost();
    pool.act();
    CHECK(pool.told.empty());
    pool.plan.lost();
    pool.act();
    CHECK(pool.told == planned::list{&second});
}

TEST_CASE("a failure that will not pass is told to all who wait, also when others are served")
{
    planned pool(2);
    pool.open(1);
    for (int i = 0; i != 100; ++i)
        pool.ask();
    REQUIRE(pool.dials.size() == 1);
    pool.fail(0, true);
    CHECK(pool.told.size() == 100);
    CHECK(pool.dials.size() == 1);
    // It says nothing to those who come later.
    pool.ask();
    CHECK(pool.told.size() == 100);
}

TEST_CASE(
    "while dials fail one begins at a time, after pauses that grow, and a success opens the way for all")
{
    planned pool(16);
    for (int i = 0; i != 1'000; ++i)
        pool.ask();
    CHECK(pool.dials.size() == 16);
    for (std::size_t i = 0; i != 16; ++i)
        pool.fail(i);
    std::vector<std::chrono::milliseconds> pauses;
    for (std::size_t begun = 16; begun != 24; ++begun) {
        REQUIRE(pool.dials.size() == begun);
        for (int i = 0; i != 1'000; ++i)
            pool.ask(); // those who waited learn of it, and come again
        CHECK(pool.dials.size() == begun);
        auto const due = pool.plan.due();
        pauses.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(due - pool.now));
        pool.now = due;
        pool.act();
        if (begun != 23)
            pool.fail(begun);
    }
    CHECK(pauses == std::vector{37ms, 75ms, 150ms, 300ms, 600ms, 750ms, 750ms, 750ms});
    pool.succeed(23);
    CHECK(pool.dials.size() == 24 + 15);
}

TEST_CASE("a dial that stalls does not hold the next one back for longer than the pause")
{
    planned pool(4);
    for (int i = 0; i != 4; ++i)
        pool.ask();
    pool.fail(0);
    pool.ask();
    auto const due = pool.plan.due();
    REQUIRE(due <= pool.now + 50ms);
    pool.now = due;
    pool.act();
    CHECK(pool.dials.size() == 5);
}

TEST_CASE("a dial that failed after another had succeeded, and had begun before, says nothing new")
{
    planned pool(3);
    pool.ask();
    pool.ask();
    pool.succeed(0);
    pool.fail(1);
    pool.ask();
    CHECK(pool.dials.size() == 4); // for the second and the third
}

TEST_CASE("dials that nobody needs go on while calls are served, and for a second more")
{
    planned pool(2);
    pool.open(1);
    connection_asker& first = pool.ask();
    REQUIRE(pool.free() == &first);
    CHECK(pool.plan.due() == pool_plan::never);
    REQUIRE(pool.free() == nullptr);
    CHECK(pool.given_up == 0);
    CHECK(pool.plan.due() == pool.now + 1s);
    pool.now += 1s;
    pool.act();
    CHECK(pool.given_up == 1);
    CHECK(pool.plan.due() == pool_plan::never);
    pool.plan.given_up(pool.dials[0]);
    CHECK(pool.plan.at_rest());
}

TEST_CASE("dials that nobody needs are given up at once when nothing shows that the service is there")
{
    planned pool(2);
    connection_asker& first = pool.ask();
    pool.plan.leave(first);
    pool.act();
    CHECK(pool.given_up == 1);
    // Who comes now is not left with a dial that ends.
    connection_asker& second = pool.ask();
    pool.plan.given_up(pool.dials[0]);
    pool.act();
    REQUIRE(pool.dials.size() == 2);
    CHECK(pool.succeed(1) == &second);
}

TEST_CASE("a dial that nobody needs makes an idle connection, which the next one takes")
{
    planned pool(2);
    pool.open(1);
    connection_asker& first = pool.ask();
    REQUIRE(pool.free() == &first);
    CHECK(pool.succeed(0) == nullptr);
    CHECK(pool.plan.take_idle());
    CHECK_FALSE(pool.plan.take_idle());
    CHECK(pool.plan.in_use() == 2);
}
