// How records that are sent one by one become batches.
#include "support/producer/send_steps.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace test;

namespace {

/// A batcher with the list that its records come from.
class gathering
{
public:
    pending_ptr add(hk::record one, send_time since = at(0ms), std::uint64_t generation = 0)
    {
        auto const bytes = record_size(one);
        auto const made = std::make_shared<pending_send>("orders", std::move(one), bytes);
        made->since = since;
        made->generation = generation;
        made->rank = added_++;
        incoming_.push_back(made);
        made->node = incoming_.begin();
        records.add(incoming_);
        return made;
    }

    bool left_behind() const { return !incoming_.empty(); }

    batcher records;

private:
    pending_list incoming_;
    std::uint64_t added_ = 0;
};

batch_limits limits(std::size_t records, std::size_t bytes = 1'000'000, milliseconds linger = 0ms)
{
    batch_limits out;
    out.records = records;
    out.bytes = bytes;
    out.linger = linger;
    return out;
}

/// The size of the body that the batch becomes.
std::size_t written(pending_list const& batch)
{
    return write_records(batch, [](pending_ptr const& one) -> hk::record const& { return one->content; })
        .size();
}

std::size_t size_together(std::vector<hk::record> const& list)
{
    return write_records(hk::records(list)).size();
}

} // namespace

TEST_CASE("records are taken in the order they came in")
{
    gathering some;
    for (int i = 0; i != 5; ++i)
        some.add(hk::record(i));
    CHECK_FALSE(some.left_behind());
    CHECK(some.records.size() == 5);
    CHECK(values(some.records.take(limits(100))) == texts{"0", "1", "2", "3", "4"});
    CHECK(some.records.empty());
    CHECK(some.records.take(limits(100)).empty());
}

TEST_CASE("a batch has as many records as allowed, and the next one the rest")
{
    gathering some;
    for (int i = 0; i != 5; ++i) {
        CHECK(some.records.full(limits(5)) == false);
        some.add(hk::record(i));
    }
    CHECK(some.records.full(limits(5)));
    CHECK(values(some.records.take(limits(2))) == texts{"0", "1"});
    CHECK(values(some.records.take(limits(2))) == texts{"2", "3"});
    CHECK_FALSE(some.records.full(limits(2)));
    CHECK(values(some.records.take(limits(2))) == texts{"4"});
}

TEST_CASE("a batch's body has exactly as many bytes as allowed, and not one more")
{
    std::size_t const three = size_together({hk::record("a", 1), hk::record(22), hk::record("b", nullptr)});
    auto const first_batch = [](std::size_t bytes) {
        gathering some;
        some.add(hk::record("a", 1));
        some.add(hk::record(22));
        some.add(hk::record("b", nullptr));
        some.add(hk::record(4));
        return some.records.take(limits(100, bytes));
    };
    CHECK(first_batch(three).size() == 3);
    CHECK(written(first_batch(three)) == three);
    CHECK(first_batch(three - 1).size() == 2);
    CHECK(first_batch(three + size_together({hk::record(4)})).size() == 4);
}

TEST_CASE("a batcher is full from the byte on at which its body is as large as allowed")
{
    gathering some;
    some.add(hk::record("a", 1));
    some.add(hk::record(22));
    std::size_t const two = size_together({hk::record("a", 1), hk::record(22)});
    CHECK(some.records.full(limits(100, two)));
    CHECK(some.records.full(limits(100, two - 1)));
    CHECK_FALSE(some.records.full(limits(100, two + 1)));
}

TEST_CASE("a record that is larger than a batch may be goes alone")
{
    gathering some;
    some.add(hk::record(std::string(50, 'x')));
    some.add(hk::record(std::string(50, 'y')));
    some.add(hk::record(1));
    CHECK(some.records.take(limits(100, 40)).size() == 1);
    CHECK(some.records.take(limits(100, 40)).size() == 1);
    CHECK(values(some.records.take(limits(100, 40))) == texts{"1"});
}

TEST_CASE("a record that does not fit holds back those behind it, so that none overtakes it")
{
    gathering some;
    some.add(hk::record(1));
    some.add(hk::record(std::string(500, 'x')));
    some.add(hk::record(3));
    CHECK(values(some.records.take(limits(100, 100))) == texts{"1"});
}

TEST_CASE("what was taken or removed no longer counts towards the size")
{
    gathering some;
    some.add(hk::record(std::string(500, 'x')));
    pending_ptr const large = some.add(hk::record(std::string(500, 'y')));
    some.add(hk::record(1));
    CHECK(some.records.take(limits(1)).size() == 1);
    CHECK(some.records.full(limits(100, 500)));
    some.records.remove(*large);
    CHECK_FALSE(some.records.full(limits(100, 500)));
    CHECK(some.records.full(limits(100, size_together({hk::record(1)}))));
    CHECK_FALSE(some.records.full(limits(100, size_together({hk::record(1)}) + 1)));
}

TEST_CASE("what is put back is the next to be taken, and counts towards the size again")
{
    gathering some;
    for (int i = 0; i != 4; ++i)
        some.add(hk::record(i));
    std::size_t const four = size_together({hk::record(0), hk::record(1), hk::record(2), hk::record(3)});
    pending_list batch = some.records.take(limits(2));
    some.records.put_back(batch);
    CHECK(batch.empty());
    CHECK(some.records.size() == 4);
    CHECK(some.records.full(limits(100, four)));
    CHECK_FALSE(some.records.full(limits(100, four + 1)));
    CHECK(values(some.records.take(limits(100))) == texts{"0", "1", "2", "3"});
}

TEST_CASE("batches that are put back in any order are taken in the order of their sends, and count as before")
{
    gathering some;
    std::vector<hk::record> list;
    for (std::size_t i = 0; i != 6; ++i)
        some.add(list.emplace_back(std::string(10 * i * i, 'x')));
    std::size_t const all = size_together(list);
    pending_list first = some.records.take(limits(2));
    pending_list second = some.records.take(limits(2));
    some.records.put_back(first);
    some.records.put_back(second);
    CHECK(some.records.size() == 6);
    CHECK(some.records.full(limits(100, all)));
    CHECK_FALSE(some.records.full(limits(100, all + 1)));
    pending_list const taken = some.records.take(limits(100));
    CHECK(written(taken) == all);
    std::uint64_t next = 0;
    for (pending_ptr const& one : taken)
        CHECK(one->rank == next++);
}

TEST_CASE("what is overdue leaves from anywhere, and counts no longer")
{
    gathering some;
    for (int i = 0; i != 5; ++i)
        some.add(hk::record(i))->due = i % 2 == 0 ? at(10ms) : at(20ms);
    std::size_t const two = size_together({hk::record(1), hk::record(3)});
    CHECK(some.records.overdue(at(9ms)).empty());
    CHECK(values(some.records.overdue(at(10ms))) == texts{"0", "2", "4"});
    CHECK(some.records.full(limits(100, two)));
    CHECK_FALSE(some.records.full(limits(100, two + 1)));
    CHECK(values(some.records.take(limits(100))) == texts{"1", "3"});
}

TEST_CASE("nothing lingers while others wait for room")
{
    gathering some;
    CHECK_FALSE(some.records.due(limits(100, 1'000'000, 1h), std::nullopt, true));
    some.add(hk::record(1), at(5ms));
    CHECK(some.records.due(limits(100, 1'000'000, 1h), std::nullopt, true) == at(5ms));
    CHECK(some.records.due(limits(100, 1'000'000, 1h), std::nullopt, false) == at(5ms) + 1h);
}

TEST_CASE("a record can be removed from anywhere, and the others keep their order")
{
    for (std::size_t gone = 0; gone != 4; ++gone) {
        gathering some;
        std::vector<pending_ptr> all;
        for (int i = 0; i != 4; ++i)
            all.push_back(some.add(hk::record(i)));
        some.records.remove(*all[gone]);
        texts expected{"0", "1", "2", "3"};
        expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(gone));
        CHECK(values(some.records.take(limits(100))) == expected);
    }
    gathering alone;
    alone.records.remove(*alone.add(hk::record(1)));
    CHECK(alone.records.empty());
    CHECK_FALSE(alone.records.due(limits(1), std::nullopt));
}

TEST_CASE("a batch is due when its first record has lingered")
{
    gathering some;
    batch_limits const lingering = limits(10, 1'000'000, 20ms);
    CHECK(some.records.due(lingering, std::nullopt) == std::nullopt);
    pending_ptr const first = some.add(hk::record(1), at(5ms));
    some.add(hk::record(2), at(9ms));
    CHECK(some.records.due(lingering, std::nullopt) == at(25ms));
    CHECK(some.records.due(limits(10), std::nullopt) == at(5ms));
    some.records.remove(*first);
    CHECK(some.records.due(lingering, std::nullopt) == at(29ms));
}

TEST_CASE("a full batch does not linger")
{
    gathering some;
    some.add(hk::record(1), at(5ms));
    some.add(hk::record(2), at(9ms));
    CHECK(some.records.due(limits(2, 1'000'000, 20ms), std::nullopt) == at(5ms));
    CHECK(some.records.due(limits(3, 30, 20ms), std::nullopt) == at(5ms));
    CHECK(some.records.due(limits(3, 1'000, 20ms), std::nullopt) == at(25ms));
}

TEST_CASE("records of a hurried generation and of earlier ones do not linger, later ones do")
{
    gathering some;
    batch_limits const lingering = limits(10, 1'000'000, 20ms);
    some.add(hk::record(1), at(5ms), 3);
    CHECK(some.records.due(lingering, 2) == at(25ms));
    CHECK(some.records.due(lingering, 3) == at(5ms));
    CHECK(some.records.due(lingering, 4) == at(5ms));
}

TEST_CASE("batches of all sorts of records are no larger than allowed, and as large as possible")
{
    std::mt19937_64 random(3);
    auto const up_to = [&random](int most) { return std::uniform_int_distribution<int>(0, most)(random); };
    for (int round = 0; round != 300; ++round) {
        gathering some;
        std::vector<hk::record> all;
        for (int i = 0, count = 1 + up_to(60); i != count; ++i) {
            hk::record one = up_to(1) != 0
                                 ? hk::record(std::string(std::size_t(up_to(40)), '"'))
                                 : hk::record(up_to(1) != 0 ? hk::json("k\n") : hk::json(), hk::json(i));
            if (up_to(2) == 0)
                one.partition(up_to(2'000));
            all.push_back(one);
            some.add(std::move(one));
        }
        batch_limits const most = limits(1 + std::size_t(up_to(20)), 30 + std::size_t(up_to(600)));
        std::size_t next = 0;
        while (!some.records.empty()) {
            pending_list const batch = some.records.take(most);
            REQUIRE_FALSE(batch.empty());
            REQUIRE(batch.size() <= most.records);
            std::size_t const size = written(batch);
            std::size_t bytes = 0;
            for (pending_ptr const& one : batch) {
                bytes += one->bytes;
                REQUIRE(one->content.value() == all[next++].value());
            }
            REQUIRE(body_size(batch.size(), bytes) == size);
            REQUIRE((batch.size() == 1 || size <= most.bytes));
            bool const room = next != all.size() && batch.size() < most.records &&
                              size + 1 + record_size(all[next]) <= most.bytes;
            REQUIRE_FALSE(room);
        }
        REQUIRE(next == all.size());
    }
}
