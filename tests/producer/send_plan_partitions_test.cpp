// What a producer that chooses the partitions does before it knows how many there are, and when that changes.
#include "support/producer/send_steps.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace test;

namespace {

using options = hk::producer_options;
using batches = std::vector<texts>;
using topics = std::deque<std::string>;

options murmur2() { return options().partitioner(hk::partitioner::murmur2); }

/// Sends a record by each of the keys.
std::vector<sent_ptr> send_all(send_steps& steps, std::vector<std::string> const& keys)
{
    std::vector<sent_ptr> out;
    for (std::string const& key : keys)
        out.push_back(steps.send("orders", hk::record(hk::json(key), int(out.size()))));
    return out;
}

} // namespace

TEST_CASE("records wait for the number of partitions, which is asked for once, and go by their keys then")
{
    send_steps steps(murmur2());
    auto const sent = send_all(steps, {"21", "abc", "21"});
    CHECK(steps.start().empty());
    CHECK(steps.questions == topics{"orders"});
    for (auto const& one : sent)
        CHECK(one->where == stage::unplaced);
    steps.answer(1'000);
    CHECK(sent[0]->content.partition() == 1173551340 % 1'000);
    CHECK(sent[1]->content.partition() == 479470107 % 1'000);
    CHECK(steps.finish() == batches{{"0", "2"}, {"1"}});
    CHECK(steps.questions.empty());
}

TEST_CASE("each topic is asked for by itself")
{
    send_steps steps(murmur2());
    steps.send("a", hk::record(1));
    steps.send("b", hk::record(2));
    CHECK(steps.start().empty());
    CHECK(steps.questions == topics{"a", "b"});
    steps.answer(1);
    CHECK(steps.finish() == batches{{"1"}});
    steps.answer(1);
    CHECK(steps.finish() == batches{{"2"}});
}

TEST_CASE("a record that has its own partition needs no question")
{
    send_steps steps(murmur2());
    steps.send("orders", hk::record("21", 1).partition(77));
    CHECK(steps.finish() == batches{{"1"}});
    CHECK(steps.questions.empty());
}

TEST_CASE("a record that has its own partition does not overtake those that may be going there too")
{
    send_steps steps(murmur2());
    steps.send("orders", hk::record("21", 1));
    auto const own = steps.send("orders", hk::record(2).partition(0));
    steps.send("other", hk::record(3).partition(0));
    CHECK(steps.finish() == batches{{"3"}});
    steps.answer(1);
    CHECK(steps.finish() == batches{{"1", "2"}});
    CHECK(own->answers == 1);
}

TEST_CASE("a record that has its own partition goes there although the question failed")
{
    send_steps steps(murmur2());
    auto const refused = steps.send("orders", hk::record("21", 1));
    auto const own = steps.send("orders", hk::record(2).partition(0));
    steps.start();
    steps.answer(http_failure(hk::errc::not_found, 404));
    CHECK(is(refused->failure, hk::errc::not_found));
    CHECK(steps.finish() == batches{{"2"}});
    CHECK_FALSE(own->failure);
}

TEST_CASE("what was sent before a flush does not linger behind a record with a partition of its own")
{
    send_steps steps(murmur2().linger(20ms));
    steps.send("orders", hk::record("21", 1));
    steps.start();
    steps.flush();
    steps.send("orders", hk::record(2).partition(0));
    auto early = steps.start();
    for (auto const& one : early)
        steps.due(one);
    steps.answer(1);
    for (auto& one : steps.start())
        early.push_back(std::move(one));
    REQUIRE(early.size() == 1);
    CHECK(steps.due(early.front()) == steps.now);
}

TEST_CASE("when the question fails, those that waited for it fail, and the next record has it asked again")
{
    send_steps steps(murmur2());
    auto const sent = send_all(steps, {"a", "b"});
    steps.start();
    steps.answer(http_failure(hk::errc::not_found, 404));
    for (auto const& one : sent) {
        CHECK(one->answers == 1);
        REQUIRE(is(one->failure, hk::errc::not_found));
        CHECK(one->failure->info().operation == "send");
        CHECK(one->failure->info().topic == "orders");
        CHECK(one->failure->info().http_status == 404);
        CHECK(one->failure->info().persisted() == hk::persistence::none);
    }
    CHECK(steps.plan.statistics().failed == 2);
    CHECK(steps.plan.statistics().buffered_records == 0);
    CHECK(steps.start().empty());
    CHECK(steps.questions.empty());
    steps.send("orders", hk::record(1));
    steps.start();
    CHECK(steps.questions == topics{"orders"});
}

TEST_CASE("a question that failed lets in those that waited for room")
{
    send_steps steps(murmur2().buffer_records(1));
    steps.send("orders", hk::record(1));
    auto const second = steps.send("orders", hk::record(2));
    CHECK(second->where == stage::waiting);
    steps.start();
    steps.answer(http_failure(hk::errc::not_found, 404));
    CHECK(second->where == stage::unplaced);
    steps.start();
    CHECK(steps.questions == topics{"orders"});
}

TEST_CASE("after the refresh interval the number is asked for beside the records, which go by the old one")
{
    send_steps steps(murmur2().refresh_partitions(60s));
    steps.send("orders", hk::record("abc", 1));
    steps.start();
    steps.answer(7);
    steps.finish();
    steps.now = at(59'999ms);
    steps.send("orders", hk::record("abc", 2));
    CHECK(steps.finish() == batches{{"2"}});
    CHECK(steps.questions.empty());
    steps.now = at(60s);
    auto const old = steps.send("orders", hk::record("abc", 3));
    CHECK(old->content.partition() == 479470107 % 7);
    steps.send("orders", hk::record("abc", 4));
    CHECK(steps.finish() == batches{{"3", "4"}});
    CHECK(steps.questions == topics{"orders"}); // once
    steps.answer(1'000);
    CHECK(steps.send("orders", hk::record("abc", 5))->content.partition() == 479470107 % 1'000);
    steps.finish();
    CHECK(steps.questions.empty());
}

TEST_CASE("a refresh that fails changes nothing until the next one is due")
{
    send_steps steps(murmur2().refresh_partitions(60s));
    steps.send("orders", hk::record("abc", 1));
    steps.start();
    steps.answer(7);
    steps.now = at(60s);
    steps.send("orders", hk::record("abc", 2));
    steps.start();
    steps.answer(http_failure(hk::errc::service_failed, 500));
    auto const one = steps.send("orders", hk::record("abc", 3));
    CHECK(one->content.partition() == 479470107 % 7);
    steps.finish();
    CHECK(steps.questions.empty());
    steps.now = at(120s);
    steps.send("orders", hk::record("abc", 4));
    steps.finish();
    CHECK(steps.questions == topics{"orders"});
}

TEST_CASE("the longest interval there is is no overflow: nothing is asked again")
{
    send_steps steps(murmur2().refresh_partitions(milliseconds::max()));
    steps.send("orders", hk::record(1));
    steps.start();
    steps.answer(7);
    steps.now = at(24h * 300);
    steps.send("orders", hk::record(2));
    steps.finish();
    CHECK(steps.questions.empty());
}

TEST_CASE("after a batch that the service refused, the number is asked for again with the next record")
{
    auto const asked_after = [](hk::result<hk::receipt> const& answer) {
        send_steps steps(murmur2());
        steps.send("orders", hk::record("abc", 1));
        steps.start();
        steps.answer(7);
        auto courier = steps.start_one();
        steps.board(*courier);
        steps.land(*courier, answer);
        steps.come_back(courier);
        CHECK(steps.questions.empty());
        steps.send("orders", hk::record("abc", 2));
        steps.send("orders", hk::record("abc", 3));
        steps.finish();
        auto const questions = steps.questions.size();
        if (questions != 0) {
            steps.answer(7);
            steps.send("orders", hk::record("abc", 4));
            steps.finish();
            CHECK(steps.questions.empty()); // there is no doubt any more
        }
        return questions;
    };
    for (int const status : {400, 404, 422, 500})
        CHECK(asked_after(http_failure(hk::errc::bad_request, status)) == 1);
    for (int const status : {0, 401, 403, 413, 429, 503})
        CHECK(asked_after(http_failure(hk::errc::service_failed, status)) == 0);
    CHECK(asked_after(all_done(1)) == 0);
    hk::record_outcome refused;
    refused.failure = hk::error(hk::errc::bad_request);
    CHECK(asked_after(hk::receipt({refused})) == 1);
}

TEST_CASE("records without a key fill one partition's batch and then another's")
{
    send_steps steps(murmur2().max_batch_records(3));
    std::vector<sent_ptr> sent;
    for (int i = 0; i != 9; ++i)
        sent.push_back(steps.send("orders", hk::record(i)));
    steps.start();
    steps.answer(100);
    for (std::size_t i = 1; i != 9; ++i) {
        bool const same = sent[i]->content.partition() == sent[i - 1]->content.partition();
        CHECK(same == (i % 3 != 0));
    }
    CHECK(steps.finish() == batches{{"0", "1", "2"}, {"3", "4", "5"}, {"6", "7", "8"}});
}

TEST_CASE("records without a key go to another partition once a batch for theirs has left")
{
    send_steps steps(murmur2());
    auto const first = steps.send("orders", hk::record(1));
    steps.start();
    steps.answer(2);
    auto const before = first->content.partition();
    auto courier = steps.start_one();
    auto const second = steps.send("orders", hk::record(2));
    CHECK(second->content.partition() == before);
    CHECK(steps.board(*courier) == texts{"1", "2"});
    auto const third = steps.send("orders", hk::record(3));
    CHECK(third->content.partition() == 1 - *before);
    CHECK(steps.finish() == batches{{"3"}}); // although the other is still under way
}

TEST_CASE("a record that the partitioner cannot place fails alone, at once, and takes no room")
{
    send_steps steps(options().buffer_records(2).partitioner(
        [](std::string_view, hk::record const& one, std::int32_t partitions) -> std::int32_t {
            if (one.value() == hk::json("throw"))
                throw std::runtime_error("no idea");
            return one.value() == hk::json("beyond") ? partitions : 0;
        }));
    auto const early = steps.send("orders", hk::record("throw"));
    auto const good = steps.send("orders", hk::record("good"));
    auto const waiting = steps.send("orders", hk::record("beyond"));
    steps.start();
    steps.answer(3);
    CHECK(is(early->failure, hk::errc::invalid_partition));
    CHECK(is(waiting->failure, hk::errc::invalid_partition));
    auto const late = steps.send("orders", hk::record("throw"));
    REQUIRE(is(late->failure, hk::errc::invalid_partition));
    CHECK(std::string(late->failure->what()) == "send 'orders': the partitioner threw: no idea");
    CHECK(late->answers == 1);
    CHECK(steps.plan.statistics().buffered_records == 1);
    CHECK(steps.finish() == batches{{"\"good\""}});
    CHECK_FALSE(good->failure);
    CHECK(steps.plan.statistics().failed == 3);
}

TEST_CASE("the body of a batch with chosen partitions is no larger than allowed")
{
    send_steps steps(murmur2().max_batch_bytes(1'000));
    for (int i = 0; i != 100; ++i)
        steps.send("orders", hk::record(hk::json(std::to_string(i)), i));
    steps.start();
    steps.answer(2);
    auto couriers = steps.start();
    std::size_t largest = 0;
    while (!couriers.empty()) {
        for (auto& one : couriers) {
            steps.board(*one);
            largest = std::max(
                largest,
                write_records(one->flights.back().batch, [](pending_ptr const& sent) -> hk::record const& {
                    return sent->content;
                }).size());
            steps.land(*one);
            steps.come_back(one);
        }
        couriers = steps.start();
    }
    CHECK(largest <= 1'000);
    CHECK(largest > 700);
}
