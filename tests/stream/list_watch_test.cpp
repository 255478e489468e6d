// When the list of partitions is asked for.
#include <hdikafka/detail/stream/list_watch.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;
namespace hk = hdikafka;
using hk::detail::list_watch;

namespace {

list_watch::time_point const start{};

hk::consume_options polling() { return hk::consume_options().poll(100ms, 1s).refresh_partitions(60s); }

} // namespace

TEST_CASE("the list is asked for at once, and then for what is new")
{
    list_watch watch(polling());
    CHECK(watch.next(false) <= start);
    watch.seen(start, false, 0);
    CHECK(watch.next(false) == start + 60s);
    list_watch ends(polling().until(hk::latest));
    ends.seen(start, false, 0);
    CHECK(ends.next(false) == list_watch::time_point::max());
    CHECK(ends.next(true) == start + 100ms);
}

TEST_CASE("where somebody waits, the pauses grow, and begin anew with what is written")
{
    list_watch watch(polling());
    auto now = start;
    for (auto const pause : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
        watch.seen(now, false, 0);
        CHECK(watch.next(true) == now + pause);
        now += pause;
    }
    watch.seen(now, true, 0);
    CHECK(watch.next(true) == now + 100ms);
    watch.seen(now, false, 0.5);
    CHECK(watch.next(true) == now + 180ms); // up to a fifth shorter
}

TEST_CASE("who runs dry is looked after soon, whatever the others wait for")
{
    list_watch watch(polling());
    for (int i = 0; i != 10; ++i)
        watch.seen(start, false, 0);
    CHECK(watch.next(true) == start + 1s);
    watch.ran_dry(start + 200ms, 0);
    CHECK(watch.next(true) == start + 300ms);
    watch.ran_dry(start + 250ms, 0); // no later for the second
    CHECK(watch.next(true) == start + 300ms);
}

TEST_CASE("pauses of centuries overflow nothing")
{
    list_watch watch(
        hk::consume_options().poll(1ms, hk::milliseconds::max()).refresh_partitions(hk::milliseconds::max()));
    for (int i = 0; i != 100; ++i)
        watch.seen(std::chrono::steady_clock::now(), false, 0);
    CHECK(watch.next(true) > std::chrono::steady_clock::now());
}
