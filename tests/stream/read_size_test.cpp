// How many records are asked for, and how much room is kept for them.
#include <hdikafka/detail/stream/read_size.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>

using hdikafka::detail::answer_bounds;
using hdikafka::detail::read_size;

namespace {

constexpr std::size_t mega = 1'000'000;

answer_bounds const usual(64 * mega, 16 * mega, 2);

} // namespace

TEST_CASE("the count follows the size of the records")
{
    read_size size;
    CHECK(size.count(5000, 0, usual) == 5000);
    size.seen(0, 100);
    CHECK(size.count(5000, 0, usual) == 5000);
    size.seen(100, 100'000);
    CHECK(size.count(5000, 0, usual) == 2000);
    for (int i = 0; i != 50; ++i)
        size.seen(10, 10'000'000);
    CHECK(size.count(5000, 0, usual) == 2);
    for (int i = 0; i != 50; ++i)
        size.seen(1, 100'000'000);
    CHECK(size.count(5000, 0, usual) == 1);
    for (int i = 0; i != 100; ++i)
        size.seen(1000, 10'000);
    CHECK(size.count(5000, 0, usual) == 5000);
}

TEST_CASE("until a partition's own records are known, those of the others tell")
{
    read_size size;
    CHECK(size.count(5000, 10'000, usual) == 200);
    size.seen(10, 10'000);
    CHECK(size.count(5000, 10'000, usual) == 2000);
}

TEST_CASE("of what nobody knows the largest answer is expected, but at the end")
{
    read_size const size;
    CHECK(size.reserve(500, false, 0, usual) == 16 * mega);
    CHECK(size.reserve(500, true, 0, usual) <= 2 * mega);
    CHECK(size.reserve(500, false, 0, answer_bounds(mega, 16 * mega, 2)) == mega);
}

TEST_CASE("twice what is expected is reserved, and never more than is there or taken")
{
    read_size size;
    size.seen(10, 100'000);
    std::size_t const room = size.reserve(100, false, 0, usual);
    CHECK(room >= 2 * mega);
    CHECK(room < 3 * mega);
    CHECK(size.reserve(5000, false, 0, usual) == 16 * mega);
}

TEST_CASE("several answers of a partition, with the room that they may take, fit into half of a small budget")
{
    answer_bounds const small(100'000, 16 * mega, 2);
    read_size size;
    size.seen(10, 1'000);
    std::int32_t const count = size.count(5000, 0, small);
    CHECK(count > 1);
    CHECK(2 * size.reserve(count, false, 0, small) <= 80'000);
}

TEST_CASE("answers larger than their room are asked for in smaller parts, down to one record as large as any")
{
    answer_bounds const small(mega, 16 * mega, 2);
    read_size size;
    std::int32_t count = 500;
    int tries = 0;
    for (; count != 1; ++tries) {
        std::size_t const room = size.reserve(count, false, 0, small);
        CHECK(room <= mega);
        size.exceeded(count, room);
        CHECK(size.count(500, 0, small) < count);
        count = size.count(500, 0, small);
    }
    CHECK(tries < 5);
    std::size_t const room = size.reserve(1, false, 0, small);
    CHECK(room <= mega);
    size.exceeded(1, room);
    CHECK(size.reserve(1, false, 0, small) == 16 * mega);
    size.seen(1, 5 * mega); // once it is through, the next is one like others
    CHECK(size.reserve(1, false, 0, small) == mega);
}
