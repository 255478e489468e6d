// Where a producer's records go: as the Java client sends them, or as the user says.
#include <hdikafka/detail/producer/partition_choice.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace hk = hdikafka;
using namespace hdikafka::detail;

namespace {

/// MurmurHash2 once more, by the words of its author: four bytes at a time are multiplied by m, shifted and
/// multiplied again, and join the hash, which was multiplied by m; what is left over joins as one number.
/// In 64 bits, cut to 32 after each step.
std::int32_t hash_of(std::vector<unsigned char> const& bytes)
{
    constexpr std::uint64_t m = 1'540'483'477;
    constexpr std::uint64_t all = 0xffff'ffff;
    auto const times = [](std::uint64_t a, std::uint64_t b) { return (a * b) % (all + 1); };
    std::uint64_t hash = 2'538'058'380 ^ (bytes.size() & all);
    std::size_t const whole = bytes.size() / 4 * 4;
    std::array<std::uint64_t, 4> const weight{1, 1 << 8, 1 << 16, 1 << 24};
    for (std::size_t begin = 0; begin < whole; begin += 4) {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < 4; ++i)
            word += bytes[begin + i] * weight[i];
        word = times(word, m);
        word = times(word ^ (word / weight[3]), m);
        hash = times(hash, m) ^ word;
    }
    if (whole != bytes.size()) {
        std::uint64_t rest = 0;
        for (std::size_t i = whole; i < bytes.size(); ++i)
            rest += bytes[i] * weight[i - whole];
        hash = times(hash ^ rest, m);
    }
    hash = times(hash ^ (hash / 8192), m);
    hash ^= hash / 32768;
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(hash));
}

std::int32_t java_partition(std::string_view key, std::int32_t partitions)
{
    std::int64_t const hash = hash_of({key.begin(), key.end()});
    std::int64_t const positive = hash < 0 ? hash + 2'147'483'648 : hash;
    return static_cast<std::int32_t>(positive % partitions);
}

/// Limits that are not reached.
batch_limits wide()
{
    batch_limits out;
    out.records = 100'000;
    out.bytes = 100'000'000;
    return out;
}

/// The choice of a topic that has so many partitions.
class known_topic
{
public:
    explicit known_topic(std::int32_t partitions, hk::partitioner by = hk::partitioner::murmur2,
                         std::uint64_t seed = 7)
        : who(std::move(by)), random(seed)
    {
        choice.learned(partitions);
    }

    hk::result<std::int32_t> ask(hk::record const& one)
    {
        return choice.pick(who, "orders", one, record_size(one), limits, random);
    }
    std::int32_t pick(hk::record const& one) { return ask(one).value(); }
    std::int32_t pick_without_key() { return pick(hk::record(1)); }
    void emptied(std::int32_t partition) { choice.emptied(partition, random); }

    hk::partitioner who;
    partition_choice choice;
    batch_limits limits = wide();
    random_source random;
};

bool refused(hk::result<std::int32_t> const& chosen, std::string_view cause)
{
    return !chosen && chosen.error().code() == hk::errc::invalid_partition && chosen.error().cause() == cause;
}

/// A string of characters of all lengths in UTF-8, and of those that JSON escapes.
std::string random_text(std::mt19937_64& random)
{
    auto const up_to = [&random](int most) { return std::uniform_int_distribution<int>(0, most)(random); };
    static constexpr std::array<std::string_view, 14> odd{"\"",
                                                          "\\",
                                                          "/",
                                                          "\n",
                                                          "\t",
                                                          "\b",
                                                          "\x01",
                                                          "\x7f",
                                                          "\xc3\xa9",
                                                          "\xe2\x82\xac",
                                                          "\xed\x9f\xbf",
                                                          "\xef\xbf\xbf",
                                                          "\xf0\x9f\x98\x80",
                                                          "\xf4\x8f\xbf\xbf"};
    std::string out;
    for (int i = 0, length = up_to(24); i != length; ++i) {
        if (up_to(2) == 0)
            out += odd[static_cast<std::size_t>(up_to(int(odd.size()) - 1))];
        else
            out += static_cast<char>(' ' + up_to(94));
    }
    return out;
}

} // namespace

TEST_CASE("the second hash of this test gives the Java client's published values too")
{
    auto const hash = [](std::string_view text) { return hash_of({text.begin(), text.end()}); };
    CHECK(hash("21") == -973932308);
    CHECK(hash("foobar") == -790332482);
    CHECK(hash("a-little-bit-long-string") == -985981536);
    CHECK(hash("a-little-bit-longer-string") == -1486304829);
    CHECK(hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8") == -58897971);
    CHECK(hash("abc") == 479470107);
}

TEST_CASE("keys go where the Java client's published hashes send them")
{
    known_topic topic(12);
    CHECK(topic.pick(hk::record("21", 1)) == (-973932308LL + 2147483648LL) % 12);
    CHECK(topic.pick(hk::record("foobar", 1)) == (-790332482LL + 2147483648LL) % 12);
    CHECK(topic.pick(hk::record("a-little-bit-long-string", 1)) == (-985981536LL + 2147483648LL) % 12);
    CHECK(topic.pick(hk::record("a-little-bit-longer-string", 1)) == (-1486304829LL + 2147483648LL) % 12);
    CHECK(topic.pick(hk::record("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", 1)) ==
          (-58897971LL + 2147483648LL) % 12);
    CHECK(topic.pick(hk::record("abc", 1)) == 479470107 % 12);
}

TEST_CASE("whatever characters a string key has, its UTF-8 bytes decide")
{
    std::mt19937_64 random(42);
    for (int i = 0; i != 10'000; ++i) {
        std::string const key = random_text(random);
        std::int32_t const partitions = std::uniform_int_distribution<std::int32_t>(1, 1'000)(random);
        known_topic topic(partitions);
        std::int32_t const chosen = topic.pick(hk::record(hk::json(key), 1));
        if (chosen != java_partition(key, partitions)) {
            CAPTURE(key);
            CHECK(chosen == java_partition(key, partitions));
        }
    }
}

TEST_CASE("a string key goes to the same place however its JSON writes it")
{
    known_topic topic(1'000'003);
    auto const written = [&topic](std::string_view key) {
        return topic.pick(hk::record(hk::json::parse(key), 1));
    };
    CHECK(written(R"("\u00e9/\"\\")") == java_partition("\xc3\xa9/\"\\", 1'000'003));
    CHECK(written(R"("é\/\u0022\u005c")") == java_partition("\xc3\xa9/\"\\", 1'000'003));
    CHECK(written(R"("\ud83d\ude00")") == java_partition("\xf0\x9f\x98\x80", 1'000'003));
    CHECK(written(R"("\u0000")") == java_partition(std::string_view("\0", 1), 1'000'003));
    CHECK(written(R"("")") == java_partition("", 1'000'003));
    CHECK(written(R"("null")") == java_partition("null", 1'000'003));
}

TEST_CASE("a key that is no string is hashed as its JSON text")
{
    known_topic topic(1'000'003);
    for (std::string_view const key :
         {"17", "-1.50", "true", "false", R"({"a":[1,"x"]})", "[]", "{}", R"([null])"})
        CHECK(topic.pick(hk::record(hk::json::parse(key), 1)) == java_partition(key, 1'000'003));
    CHECK(topic.pick(hk::record("17", 1)) == topic.pick(hk::record(17, 1)));
}

TEST_CASE("a key that is no string goes to the same place however its JSON is laid out")
{
    known_topic topic(1'000'003);
    auto const written = [&topic](std::string_view key) {
        return topic.pick(hk::record(hk::json::parse(key), 1));
    };
    std::string_view const canonical = R"({"a b":[1,"x\"y\\"],"é":{"n":null}})";
    CHECK(written(canonical) == java_partition(canonical, 1'000'003));
    CHECK(written("{ \"a b\" : [ 1 ,\t\"x\\\"y\\\\\" ],\r\n \"é\":{\"n\" :null} }") ==
          java_partition(canonical, 1'000'003));
    CHECK(written(R"({"\u0061\u0020b":[1,"x\u0022y\u005c"],"\u00e9":{"n":null}})") ==
          java_partition(canonical, 1'000'003));
    CHECK(written(R"( [ ] )") == java_partition("[]", 1'000'003));
    CHECK(written(R"({"a":"\/"})") == java_partition(R"({"a":"/"})", 1'000'003));
}

TEST_CASE("numbers and the order of members are taken as they are written")
{
    known_topic topic(1'000'003);
    auto const written = [&topic](std::string_view key) {
        return topic.pick(hk::record(hk::json::parse(key), 1));
    };
    for (std::string_view const key : {"1", "1.0", "1e0", "10e-1", R"({"a":1,"b":2})", R"({"b":2,"a":1})",
                                       R"({"b":2,"a":1.0})", R"(["ab\ud83d",1])"})
        CHECK(written(key) == java_partition(key, 1'000'003));
    CHECK(written("1") != written("1.0"));
    CHECK(written(R"({"a":1,"b":2})") != written(R"({"b":2,"a":1})"));
}

TEST_CASE("half of a surrogate pair, which no UTF-8 can say, is hashed as its JSON text")
{
    known_topic topic(1'000'003);
    CHECK(topic.pick(hk::record(hk::json::parse(R"("ab\ud83d")"), 1)) ==
          java_partition(R"("ab\ud83d")", 1'000'003));
}

TEST_CASE("nothing is known of a topic's partitions before they were counted")
{
    partition_choice choice;
    CHECK_FALSE(choice.known());
    choice.learned(1);
    CHECK(choice.known());
}

TEST_CASE("records without a key stay with one partition until all that waited for it has left")
{
    known_topic topic(50);
    std::int32_t const first = topic.pick_without_key();
    for (int i = 0; i != 100; ++i)
        CHECK(topic.pick_without_key() == first);
    topic.emptied(first == 0 ? 1 : 0); // a batch of keyed records, elsewhere
    CHECK(topic.pick_without_key() == first);
    topic.emptied(first);
    CHECK(topic.pick_without_key() != first);
}

TEST_CASE("records without a key stay with one partition until they fill a batch, by records or to the byte")
{
    known_topic by_records(2);
    by_records.limits.records = 3;
    known_topic to_the_byte(2);
    to_the_byte.limits.bytes = body_size(3, 3 * record_size(hk::record(1)));
    known_topic a_byte_short(2); // of a fourth
    a_byte_short.limits.bytes = body_size(4, 4 * record_size(hk::record(1))) - 1;
    for (known_topic* const topic : {&by_records, &to_the_byte, &a_byte_short}) {
        std::vector<std::int32_t> chosen;
        for (int i = 0; i != 12; ++i)
            chosen.push_back(topic->pick_without_key());
        for (std::size_t i = 1; i != 12; ++i)
            CHECK((chosen[i] == chosen[i - 1]) == (i % 3 != 0));
    }
}

TEST_CASE("once all has left, the batch that records without a key fill begins anew")
{
    known_topic topic(2);
    topic.limits.records = 3;
    std::int32_t const first = topic.pick_without_key();
    topic.pick_without_key();
    topic.emptied(first);
    for (int i = 0; i != 3; ++i)
        CHECK(topic.pick_without_key() == 1 - first);
    CHECK(topic.pick_without_key() == first);
}

TEST_CASE("a null key is none")
{
    known_topic topic(1'000);
    std::int32_t const first = topic.pick(hk::record(nullptr, 1));
    CHECK(topic.pick_without_key() == first);
    topic.emptied(first);
    std::int32_t const second = topic.pick(hk::record(nullptr, 1));
    CHECK(second != first);
    CHECK(topic.pick_without_key() == second);
}

TEST_CASE("records with a key do not move those without one")
{
    known_topic topic(50);
    std::int32_t const first = topic.pick_without_key();
    for (int i = 0; i != 100; ++i)
        topic.pick(hk::record(std::to_string(i), 1));
    CHECK(topic.pick_without_key() == first);
}

TEST_CASE("the next partition is always another one, and in time each has its share")
{
    for (std::int32_t const partitions : {2, 3, 7}) {
        CAPTURE(partitions);
        known_topic topic(partitions);
        std::map<std::int32_t, int> shares;
        constexpr int rounds = 2'000;
        std::int32_t before = -1;
        for (int i = 0; i != rounds; ++i) {
            std::int32_t const chosen = topic.pick_without_key();
            if (chosen == before || chosen < 0 || chosen >= partitions)
                CHECK(chosen != before);
            ++shares[chosen];
            topic.emptied(chosen);
            before = chosen;
        }
        CHECK(shares.size() == std::size_t(partitions));
        for (auto const& [partition, share] : shares) {
            CHECK(share > rounds / partitions * 3 / 4);
            CHECK(share < rounds / partitions * 5 / 4);
        }
    }
}

TEST_CASE("producers that start together do not all start with the same partition")
{
    std::set<std::int32_t> chosen;
    for (std::uint64_t seed = 0; seed != 200; ++seed) {
        random_source random(seed);
        partition_choice choice;
        choice.learned(10);
        chosen.insert(
            choice.pick(hk::partitioner::murmur2, "orders", hk::record(1), 1, wide(), random).value());
    }
    CHECK(chosen.size() == 10);
}

TEST_CASE("where there is but one partition, all records go there")
{
    known_topic topic(1);
    CHECK(topic.pick_without_key() == 0);
    topic.emptied(0);
    CHECK(topic.pick_without_key() == 0);
    CHECK(topic.pick(hk::record("21", 1)) == 0);
}

TEST_CASE("with more partitions than before keys go by the new count, and those without one stay")
{
    known_topic topic(3);
    std::int32_t const sticky = topic.pick_without_key();
    topic.choice.learned(1'000);
    CHECK(topic.pick_without_key() == sticky);
    CHECK(topic.pick(hk::record("abc", 1)) == 479470107 % 1'000);
}

TEST_CASE("with fewer partitions than before none is chosen that is no more")
{
    for (std::uint64_t seed = 0; seed != 50; ++seed) {
        known_topic topic(100, hk::partitioner::murmur2, seed);
        topic.pick_without_key();
        topic.choice.learned(2);
        CHECK(topic.pick_without_key() < 2);
        topic.emptied(topic.pick_without_key());
        CHECK(topic.pick_without_key() < 2);
    }
}

TEST_CASE("records without a key go to partitions that can be used, each in its turn, for as long as one can")
{
    known_topic topic(6);
    topic.choice.learned(6, {1, 2, 5});
    std::map<std::int32_t, int> shares;
    std::int32_t before = -1;
    for (int i = 0; i != 600; ++i) {
        std::int32_t const chosen = topic.pick_without_key();
        CHECK(chosen != before);
        ++shares[chosen];
        topic.emptied(chosen);
        before = chosen;
    }
    CHECK(shares.size() == 3);
    for (std::int32_t const usable : {1, 2, 5})
        CHECK(shares[usable] > 150);

    topic.choice.learned(6, {4});
    for (int i = 0; i != 3; ++i) {
        CHECK(topic.pick_without_key() == 4);
        topic.emptied(4);
    }
    topic.choice.learned(6, {0, 4}); // it stays where it can
    CHECK(topic.pick_without_key() == 4);
    std::set<std::int32_t> seen;
    topic.choice.learned(6);
    for (int i = 0; i != 200; ++i) {
        seen.insert(topic.pick_without_key());
        topic.emptied(topic.pick_without_key());
    }
    CHECK(seen.size() == 6);
}

TEST_CASE("keys, and the user's function, go by all partitions, whether they can be used or not")
{
    known_topic topic(12);
    topic.choice.learned(12, {0});
    CHECK(topic.pick(hk::record("abc", 1)) == 479470107 % 12);
    std::int32_t asked = 0;
    known_topic custom(5, [&asked](std::string_view, hk::record const&, std::int32_t partitions) {
        asked = partitions;
        return 3;
    });
    custom.choice.learned(5, {0, 1});
    CHECK(custom.pick(hk::record(1)) == 3);
    CHECK(asked == 5);
}

TEST_CASE("the partitions of a list are counted, those that cannot be used or are left out among them")
{
    auto const row = [](std::int32_t id, bool usable) {
        hk::partition_info out;
        out.id = id;
        if (!usable)
            out.earliest_offset = out.latest_offset = -1;
        return out;
    };
    using rows = std::vector<hk::partition_info>;
    using ids = std::vector<std::int32_t>;
    auto const shape = [](rows const& list) { return topic_shape::of(list).value(); };
    CHECK(shape(rows{row(1, true), row(0, true)}).count == 2);
    CHECK(shape(rows{row(1, true), row(0, true)}).usable.empty());
    CHECK(shape(rows{row(2, true), row(1, false), row(0, true)}).count == 3);
    CHECK(shape(rows{row(2, true), row(1, false), row(0, true)}).usable == ids{0, 2});
    CHECK(shape(rows{row(0, true), row(1, false)}).count == 2);
    CHECK(shape(rows{row(0, false), row(1, false)}).usable.empty());
    CHECK(shape(rows{row(0, true), row(3, true), row(3, true)}).count == 4);
    CHECK(shape(rows{row(0, true), row(3, true), row(3, true)}).usable == ids{0, 3});
    CHECK(topic_shape::of(rows()).error().code() == hk::errc::invalid_response);
    CHECK_FALSE(topic_shape::of(rows{row(2'147'483'647, true)}));
}

TEST_CASE("the user's function is asked with topic, record and count, and its choice is taken")
{
    std::string asked;
    known_topic topic(5, [&asked](std::string_view name, hk::record const& one, std::int32_t partitions) {
        asked = std::string(name) + ' ' + std::string(one.value().text()) + ' ' + std::to_string(partitions);
        return 4;
    });
    CHECK(topic.pick(hk::record("key", "value")) == 4);
    CHECK(asked == "orders \"value\" 5");
    CHECK(topic.who.needs_partitions());
}

TEST_CASE("a partition that the topic does not have is refused, and both are named")
{
    std::int32_t choice = 0;
    known_topic topic(5, [&choice](std::string_view, hk::record const&, std::int32_t) { return choice; });
    CHECK(topic.pick(hk::record(1)) == 0);
    choice = 5;
    CHECK(refused(topic.ask(hk::record(1)), "the partitioner chose 5 of 5 partitions"));
    choice = -1;
    CHECK(refused(topic.ask(hk::record(1)), "the partitioner chose -1 of 5 partitions"));
    choice = 4;
    CHECK(topic.pick(hk::record(1)) == 4);
}

TEST_CASE("what the user's function throws fails that record alone")
{
    known_topic thrower(5, [](std::string_view, hk::record const& one, std::int32_t) -> std::int32_t {
        if (one.value() == hk::json(1))
            throw std::runtime_error("no idea");
        if (one.value() == hk::json(2))
            throw 17; // NOLINT: what a user may do
        return 3;
    });
    CHECK(refused(thrower.ask(hk::record(1)), "the partitioner threw: no idea"));
    CHECK(refused(thrower.ask(hk::record(2)), "the partitioner threw what is no std::exception"));
    CHECK(thrower.pick(hk::record(3)) == 3);
}

TEST_CASE("only the service's own choice needs no count of partitions")
{
    CHECK_FALSE(hk::partitioner().needs_partitions());
    CHECK_FALSE(hk::partitioner(hk::partitioner::server).needs_partitions());
    CHECK(hk::partitioner(hk::partitioner::murmur2).needs_partitions());
}
