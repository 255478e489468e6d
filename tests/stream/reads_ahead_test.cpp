// The reads of a partition and the room for them, without a network.
#include <hdikafka/detail/rest/batch_parser.hpp>
#include <hdikafka/detail/stream/reads_ahead.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

using namespace hdikafka::detail;
namespace hk = hdikafka;

namespace {

constexpr std::size_t budget = 4'000'000;

desk_ptr desk_of(hk::consume_options const& options)
{
    return std::make_shared<stream_desk<>>(options, budget / 4);
}

hk::consume_options parallel()
{
    return hk::consume_options().parallelism(2).max_records(10).buffer_bytes(budget);
}

plan_action reading(std::int64_t offset, std::int64_t known_end)
{
    plan_action out;
    out.what = plan_action::kind::read;
    out.offset = offset;
    out.count = 10;
    out.known_end = known_end;
    return out;
}

/// The answer to a read, with all that it asked for.
fetched answer(due_read due)
{
    std::string text = "[";
    for (std::int32_t i = 0; i != due.what.count; ++i)
        text += (i == 0 ? "" : ",") + std::string(R"({"offset":)") + std::to_string(due.what.offset + i) +
                R"(,"partition":0,"key":null,"value":null})";
    text += "]";
    byte_buffer body;
    auto const room = body.prepare(text.size());
    std::ranges::copy(text, room.begin());
    body.commit(text.size());
    fetched out;
    out.kept = std::move(due.kept);
    out.kept.settle(text.size());
    out.batch = parse_batch<>(std::move(body), std::nullopt,
                              batch_request(0, due.what.offset, due.what.count, due.what.end));
    return out;
}

} // namespace

TEST_CASE("whoever is told that there is no room is told so, whatever is tried ahead meanwhile")
{
    auto const desk = desk_of(parallel());
    reads_ahead<> reads(desk, 0, parallel());
    auto const all = desk->admit(1, budget, true);
    CHECK_FALSE(reads.take(reading(0, 1'000), "id"));
    CHECK_FALSE(reads.next(true));
    CHECK(reads.refused());
    CHECK_FALSE(reads.next(false)); // by a read that has arrived, on another thread
    CHECK(reads.refused());
}

TEST_CASE("what was read ahead of a topic that was made anew is not handed over")
{
    auto const desk = desk_of(parallel());
    reads_ahead<> reads(desk, 0, parallel());
    CHECK_FALSE(reads.take(reading(100, 1'000), "id"));
    auto first = reads.next(true);
    auto second = reads.next(true);
    REQUIRE(first);
    REQUIRE(second);
    REQUIRE(second->what.offset == 110);
    reads.arrived(second->what, answer(std::move(*second)));
    reads.forgotten(first->what.id);

    CHECK_FALSE(reads.take(reading(0, 1'000), "id"));
    CHECK_FALSE(reads.take(reading(110, 1'000), "id"));
    CHECK(desk->used() == first->kept.bytes());
}
