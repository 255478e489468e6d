// The emulator when it is unfriendly to readers: silence, gaps, records that cannot be had, big answers.
#include "support/emulator/service_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace hk = hdikafka;
using hk::emulator_forever;
using hk::detail::emulation::emulator_answer;
using hk::detail::emulation::emulator_log;
using hk::detail::emulation::emulator_new_record;
using hk::detail::emulation::emulator_silence;
using hk::detail::emulation::emulator_trouble;
using std::chrono::milliseconds;
using test::field;
using test::service_fixture;

constexpr std::string_view nothing = "{\"records\":[]}";
constexpr std::string_view absurd = "9223372036854775807";

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

/// A service with a topic "orders" of two partitions, and the records 0 to 4 in each.
class orders : public service_fixture
{
public:
    explicit orders(hk::emulator_quirks const& quirks = hk::emulator_quirks(),
                    hk::emulator_options const& options = hk::emulator_options())
        : service_fixture(hk::emulator_options(options).quirks(quirks))
    {
        create("orders", "{\"partition_count\":2}");
        for (std::string const partition : {"0", "1"})
            for (std::string const value : {"0", "1", "2", "3", "4"})
                produce("orders",
                        R"({"records":[{"partition":)" + partition + R"(,"value":)" + value + "}]}");
    }

    emulator_answer read(std::int64_t offset, int count = 1, int partition = 0)
    {
        return get("/v1/consumer/topics/orders/partitions/" + std::to_string(partition) + "/offsets/" +
                   std::to_string(offset) + "?count=" + std::to_string(count));
    }
    bool silent(std::int64_t offset, int partition = 0) { return read(offset, 1, partition).body == nothing; }

    void silence(emulator_silence silence) { REQUIRE(service.broker().silence(std::move(silence))); }
    emulator_trouble& trouble() { return *service.broker().trouble("orders", 0).value(); }
    void edit(void (*change)(emulator_log&)) { REQUIRE(service.broker().edit("orders", 0, change)); }
    void append(emulator_new_record record)
    {
        std::vector<emulator_new_record> one(1, std::move(record));
        REQUIRE(service.broker().produce("orders", std::move(one), 0, now));
    }
};

} // namespace

TEST_CASE(
    "silence: the next reads are empty, with the NextOffset that was asked for, and then all is as before")
{
    orders f;
    f.silence(emulator_silence("", std::nullopt, 2));
    auto const empty = f.read(1, 3);
    CHECK(empty.status == 200);
    CHECK(empty.body == nothing);
    CHECK(field(empty, "NextOffset") == "1");
    CHECK(f.silent(0, 1));
    CHECK(contains(f.read(1).body, "\"value\":1"));
}

TEST_CASE("silence of a topic, or of a partition, leaves the others alone")
{
    orders f;
    f.create("other");
    f.silence(emulator_silence("other", std::nullopt, emulator_forever));
    f.silence(emulator_silence("orders", 1, 1));
    CHECK(!f.silent(0, 0));
    CHECK(f.silent(0, 1));
    CHECK(!f.silent(0, 1));
    CHECK(f.service.broker().silence(emulator_silence("orders", 2, 1)).error().code() == hk::errc::not_found);
    CHECK(f.service.broker().silence(emulator_silence("none", std::nullopt, 1)).error().code() ==
          hk::errc::not_found);
    hk::detail::emulation::emulator_topic_config none_yet;
    none_yet.partition_count = 0;
    REQUIRE(f.service.broker().add("empty", std::move(none_yet)));
    CHECK(f.service.broker().silence(emulator_silence("empty", std::nullopt, 1)));
}

TEST_CASE("silence for a time ends with the time, or before it")
{
    orders f;
    emulator_silence second("", std::nullopt, emulator_forever);
    second.until = f.now + milliseconds(1'000);
    f.silence(second);
    f.now += milliseconds(999);
    CHECK(f.silent(0));
    f.now += milliseconds(1);
    CHECK(!f.silent(0));
    second.until = f.now + milliseconds(1'000);
    f.silence(second);
    CHECK(f.silent(0));
    f.service.broker().silences().end();
    CHECK(!f.silent(0));
}

TEST_CASE("silence at one offset befalls the reads that begin there, for good or so often")
{
    orders f;
    f.trouble().silence_at(2, emulator_forever);
    f.trouble().silence_at(3, 1);
    CHECK(f.silent(2));
    CHECK(f.silent(2));
    CHECK(f.silent(3));
    CHECK(!f.silent(3));
    CHECK(contains(f.read(1, 2).body, "\"value\":2"));
    CHECK(!f.silent(2, 1));
    f.trouble().silence_at(2, 0);
    CHECK(!f.silent(2));
}

TEST_CASE("silence has the NextOffset that its quirk says")
{
    using form = hk::emulator_next_offset;
    orders f(hk::emulator_quirks().silent_next_offset(form::absent));
    f.trouble().silence_at(2, emulator_forever);
    CHECK(!field(f.read(2), "NextOffset"));
    CHECK(field(f.read(1), "NextOffset") == "2");
    f.service.broker().quirks(hk::emulator_quirks().silent_next_offset(form::absurd));
    CHECK(field(f.read(2), "NextOffset") == absurd);
}

TEST_CASE("a gap behind the last record is empty wherever a read begins in it, until more is written")
{
    using form = hk::emulator_next_offset;
    orders f;
    f.edit([](emulator_log& log) { log.skip(3); });
    for (auto const& [quirk, next] :
         std::vector<std::pair<form, std::string>>{{form::exact, "8"},
                                                   {form::asked, "6"},
                                                   {form::behind, "5"},
                                                   {form::absurd, std::string(absurd)}}) {
        f.service.broker().quirks(hk::emulator_quirks().gap_next_offset(quirk));
        CHECK(f.silent(5));
        CHECK(f.silent(7));
        CHECK(field(f.read(6), "NextOffset") == next);
        CHECK(field(f.read(4), "NextOffset") == "5");
        CHECK(field(f.read(8), "NextOffset") == "8");
    }
    f.service.broker().quirks(hk::emulator_quirks().gap_next_offset(form::absent));
    CHECK(!field(f.read(6), "NextOffset"));
    f.produce("orders", R"({"records":[{"partition":0,"value":"later"}]})");
    CHECK(contains(f.read(5).body, "\"later\""));
    CHECK(field(f.read(5), "NextOffset") == "9");
}

TEST_CASE("a gap before later records answers with them, or with nothing and where to go on")
{
    orders f;
    f.edit([](emulator_log& log) { log.compact(1, 3); });
    CHECK(contains(f.read(1).body, "\"value\":3"));
    f.service.broker().quirks(hk::emulator_quirks().empty_in_gaps(true));
    CHECK(f.silent(1));
    CHECK(field(f.read(1), "NextOffset") == "1");
    f.service.broker().quirks(
        hk::emulator_quirks().empty_in_gaps(true).gap_next_offset(hk::emulator_next_offset::exact));
    CHECK(f.silent(1));
    CHECK(field(f.read(1), "NextOffset") == "3");
}

TEST_CASE("a record that cannot be had fails each read that would give it, for good or so often")
{
    orders f;
    f.trouble().fail_at(2, 500, emulator_forever);
    auto const failed = f.read(0, 3);
    CHECK(failed.status == 500);
    CHECK(contains(failed.body, "the record at offset 2 cannot be read"));
    CHECK(f.read(2).status == 500);
    CHECK(f.read(0, 2).status == 200);
    CHECK(f.read(3, 2).status == 200);
    CHECK(f.read(2, 1, 1).status == 200);
    f.trouble().fail_at(2, 502, 1);
    CHECK(f.read(2).status == 502);
    CHECK(f.read(2).status == 200);
}

TEST_CASE("a record that does not fit into the answer does not make it fail")
{
    orders f(hk::emulator_quirks().max_read_bytes(2));
    f.trouble().fail_at(2, 500, emulator_forever);
    CHECK(field(f.read(0, 5), "NextOffset") == "2");
    CHECK(f.read(1, 5).status == 500);
}

TEST_CASE("the bytes that a read may return are those of keys and values, a string's without its quotes")
{
    orders f(hk::emulator_quirks().max_read_bytes(6));
    f.produce("orders",
              R"({"records":[{"key":"a","partition":0,"value":"\"b"},{"partition":0,"value":234}]})");
    CHECK(field(f.read(5, 2), "NextOffset") == "7");
    f.service.broker().quirks(hk::emulator_quirks().max_read_bytes(5));
    CHECK(field(f.read(5, 2), "NextOffset") == "6");
    f.service.broker().quirks(hk::emulator_quirks().max_read_bytes(2));
    CHECK(f.silent(5));
    CHECK(field(f.read(5), "NextOffset") == "5");
}

TEST_CASE("trouble goes with its topic")
{
    orders f;
    f.trouble().fail_at(0, 500, emulator_forever);
    f.trouble().leaderless = true;
    f.send("DELETE", "/v1/topics/orders");
    f.create("orders");
    f.produce("orders", R"({"records":[{"value":"new"}]})");
    CHECK(contains(f.read(0).body, "\"new\""));
}

TEST_CASE("timestamps are what they are given to be, or none")
{
    orders f;
    for (auto const stamp : {-1, 0, 5}) {
        emulator_new_record record;
        record.value = "1";
        record.partition = 0;
        record.stamped = true;
        record.timestamp = hk::emulator_time(milliseconds(stamp));
        f.append(record);
    }
    emulator_new_record bare;
    bare.value = "1";
    bare.partition = 0;
    bare.stamped = true;
    f.append(bare);
    CHECK(contains(f.read(5).body, R"("offset":5,"timestamp":-1,"timestampType")"));
    CHECK(contains(f.read(6).body, R"("offset":6,"timestamp":0,"timestampType")"));
    CHECK(contains(f.read(7).body, R"("offset":7,"timestamp":5,"timestampType")"));
    CHECK(contains(f.read(8).body, R"("offset":8,"timestampType")"));
}

TEST_CASE("a value that is any text stands in the answer as it is, and as text in the form of a string")
{
    std::string const deep = std::string(600, '[') + std::string(600, ']');
    for (std::string const& text : {deep, std::string("{not JSON"), std::string()}) {
        orders f;
        emulator_new_record record;
        record.value = text;
        record.partition = 0;
        f.append(record);
        CHECK(contains(f.read(5).body, "\"value\":" + text + ",\"partition\""));
        orders texts({}, hk::emulator_options().value_form(hk::emulator_value_form::text));
        texts.append(record);
        CHECK(contains(texts.read(5).body, "\"value\":\"" + text + "\",\"partition\""));
    }
}

TEST_CASE("the bytes that a read may return can be those of the data: as JSON they are more")
{
    orders f(hk::emulator_quirks().max_read_bytes(6'000'000));
    std::string value = "\"";
    for (int i = 0; i < 100'000; ++i)
        value += "\\u0001";
    value += '"';
    for (int i = 0; i < 70; ++i) {
        emulator_new_record record;
        record.value = value;
        record.partition = 1;
        f.append(record);
    }
    auto const big = f.read(5, 1'000, 1);
    CHECK(field(big, "NextOffset") == "65");
    CHECK(big.body.size() > 36'000'000);
}
