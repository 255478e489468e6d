// What a stream may hold: who reads, who waits, and that the budget is kept whatever happens.
#include <hdikafka/detail/stream/byte_budget.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <vector>

using hdikafka::detail::byte_budget;

TEST_CASE("what is reserved and what is held are never more than the budget")
{
    byte_budget budget(100);
    CHECK(budget.admit(0, 60, true));
    CHECK_FALSE(budget.admit(1, 60, true));
    budget.arrived(60, 30); // less came than there was room for
    CHECK(budget.used() == 30);
    CHECK(budget.next_in_line() == 1);
    CHECK(budget.admit(1, 60, true));
    CHECK(budget.used() == 90);
    CHECK_FALSE(budget.next_in_line());
    budget.arrived(60, 0);
    budget.given_back(30);
    CHECK(budget.used() == 0);
    CHECK(budget.under_way() == 0);
}

TEST_CASE("first come, first served, though a later one would fit")
{
    byte_budget budget(100);
    CHECK(budget.admit(7, 90, true));
    CHECK_FALSE(budget.admit(1, 50, true));
    CHECK_FALSE(budget.admit(2, 5, true));
    CHECK_FALSE(budget.admit(7, 5, false)); // ahead of need least of all
    budget.arrived(90, 10);
    CHECK(budget.next_in_line() == 1);
    CHECK_FALSE(budget.admit(2, 5, true));
    CHECK(budget.admit(1, 50, true));
    CHECK(budget.next_in_line() == 2);
    CHECK(budget.admit(2, 5, true));
    CHECK_FALSE(budget.anybody_waits());
    CHECK(budget.admit(7, 35, false));
    CHECK_FALSE(budget.admit(7, 1, false));
}

TEST_CASE("who asks again keeps the place, and who leaves is waited for by nobody")
{
    byte_budget budget(100);
    CHECK(budget.admit(0, 100, true));
    CHECK_FALSE(budget.admit(1, 80, true));
    CHECK_FALSE(budget.admit(2, 20, true));
    CHECK_FALSE(budget.admit(1, 40, true)); // fewer are wanted now
    budget.arrived(100, 60);
    CHECK(budget.next_in_line() == 1);
    budget.leave(1);
    CHECK(budget.next_in_line() == 2);
}

TEST_CASE("where nothing leads on, one read goes beyond the budget, and only one")
{
    byte_budget budget(100);
    CHECK(budget.admit(0, 100, true));
    CHECK_FALSE(budget.admit(1, 500, true));
    CHECK_FALSE(budget.favour()); // a read is under way
    budget.arrived(100, 100);
    CHECK_FALSE(budget.next_in_line());
    CHECK(budget.favour());
    CHECK(budget.next_in_line() == 1);
    CHECK(budget.admit(1, 500, true));
    CHECK_FALSE(budget.admit(2, 1, true));
    CHECK_FALSE(budget.favour());
    budget.arrived(500, 400);
    CHECK_FALSE(budget.next_in_line());
    budget.given_back(400);
    budget.given_back(100);
    CHECK(budget.next_in_line() == 2);
}

TEST_CASE("whatever is read, held and handed over: at most one answer beyond, and nobody waits for ever")
{
    for (unsigned seed = 0; seed != 300; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        auto const below = [&random](std::size_t most) { return random() % most; };
        std::size_t const most = 1 + below(1000);
        byte_budget budget(most);
        std::deque<std::size_t> under_way;
        std::deque<std::size_t> held;
        std::map<std::int32_t, int> passed_by; // how often others began before one who waits
        for (int step = 0; step != 2000; ++step) {
            bool const needed = below(3) != 0;
            auto const who = static_cast<std::int32_t>(below(20));
            std::size_t const bytes = 1 + below(most + most / 4 + 1);
            std::size_t const before = budget.used();
            bool const stuck = under_way.empty() && held.empty() && budget.favour();
            auto const next = budget.next_in_line();
            auto const asks = next && needed ? *next : who;
            if (budget.admit(asks, bytes, needed)) {
                if (!stuck)
                    CHECK(before + bytes <= most);
                CHECK((!budget.anybody_waits() || needed)); // a read ahead passes nobody
                under_way.push_back(bytes);
                passed_by.erase(asks);
                for (auto& [id, times] : passed_by)
                    CHECK(++times <= 20);
            } else if (needed) {
                passed_by.try_emplace(asks, 0);
            }
            if (!under_way.empty() && below(2) == 0) {
                std::size_t const came = below(under_way.front() + 1);
                budget.arrived(under_way.front(), came);
                under_way.pop_front();
                held.push_back(came);
            }
            if (!held.empty() && below(2) == 0) {
                budget.given_back(held.front());
                held.pop_front();
            }
        }
        std::size_t sum = 0;
        for (std::size_t const one : under_way)
            sum += one;
        for (std::size_t const one : held)
            sum += one;
        CHECK(budget.used() == sum);
        CHECK(budget.under_way() == under_way.size());
    }
}
