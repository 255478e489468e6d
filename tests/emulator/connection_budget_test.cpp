// What all connections to the emulator hold together.
#include <hdikafka/detail/emulator/connection_budget.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>

namespace {

using hdikafka::detail::emulation::connection_budget;

constexpr std::size_t own = connection_budget::own;

} // namespace

TEST_CASE("a connection's first bytes are its own, however little room there is")
{
    connection_budget none(0);
    connection_budget::share share(none);
    CHECK(share.try_hold(own, false));
    CHECK(share.try_hold(own, true));
    CHECK_FALSE(share.try_hold(own + 1, true));
    CHECK(none.used() == 0);
}

TEST_CASE("connections hold no more together than there is, and what one gives back another has")
{
    connection_budget all(1'000);
    connection_budget::share first(all);
    std::optional<connection_budget::share> second(all);
    CHECK(first.try_hold(own + 600, true));
    CHECK_FALSE(second->try_hold(own + 401, true));
    CHECK(all.used() == 600);
    CHECK(second->try_hold(own + 400, true));
    CHECK_FALSE(first.try_hold(own + 601, true));
    CHECK(first.try_hold(own + 500, true));
    CHECK(second->try_hold(own + 500, true));
    CHECK(all.used() == 1'000);
    second.reset();
    CHECK(all.used() == 500);
    CHECK(first.try_hold(own + 1'000, true));
}

TEST_CASE("strangers have a quarter of it, together")
{
    connection_budget all(1'000);
    connection_budget::share stranger(all);
    connection_budget::share another(all);
    connection_budget::share known(all);
    CHECK(stranger.try_hold(own + 200, false));
    CHECK_FALSE(another.try_hold(own + 51, false));
    CHECK(another.try_hold(own + 50, false));
    CHECK(known.try_hold(own + 750, true));
    CHECK_FALSE(known.try_hold(own + 751, true));
    CHECK(stranger.try_hold(own + 200, true)); // it has shown its token
    CHECK(another.try_hold(own + 50, false));
    CHECK(all.used() == 1'000);
}

TEST_CASE("what need not be given may be kept, and what must be held is counted")
{
    connection_budget all(1'000);
    connection_budget::share share(all);
    connection_budget::share other(all);
    CHECK(share.try_hold(own + 800, true));
    CHECK(share.try_hold(own + 700, false)); // less than before
    CHECK_FALSE(share.try_hold(own + 701, false));
    other.hold(own + 5'000, true);
    CHECK(all.used() == 5'700);
    CHECK_FALSE(share.try_hold(own + 701, true));
    CHECK(share.try_hold(own + 1, true));
    other.hold(0, true);
    CHECK(all.used() == 1);
}
