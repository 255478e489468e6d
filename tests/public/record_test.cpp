// What is given to the library and what comes back: records, topic configs, receipts, options.
#include <hdikafka/call_options.hpp>
#include <hdikafka/consume_options.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/offsets.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/retry_policy.hpp>
#include <hdikafka/tls_options.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace hk = hdikafka;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

struct takes
{
    static void records(hk::records);
    static void record(hk::record);
};

/// Whether a braced list of `Items` is taken where records (or a record) are due.
template <class... Items>
concept braces_become_records = requires(Items... items) { takes::records({items...}); };
template <class... Items>
concept braces_become_record = requires(Items... items) { takes::record({items...}); };

// An aggregate in a statement with co_await is copied bitwise by gcc 12.
template <class... Types>
constexpr bool never_aggregates = (!std::is_aggregate_v<Types> && ...);
static_assert(
    never_aggregates<hk::record, hk::records, hk::topic_config, hk::call_options, hk::retry_policy,
                     hk::tls_options, hk::consume_options, hk::offset_spec, hk::earliest_t, hk::latest_t,
                     hk::receipt, hk::record_outcome, hk::broker, hk::partition_info>);

template <class... Types>
constexpr bool fit_for_co_spawn = ((std::default_initializable<Types> && std::movable<Types>) && ...);
static_assert(fit_for_co_spawn<hk::receipt, hk::broker, hk::partition_info>);

// A record is a value, or a key and a value.
static_assert(std::constructible_from<hk::record, char const*>);
static_assert(std::constructible_from<hk::record, double>);
static_assert(std::constructible_from<hk::record, char const*, char const*>);
static_assert(std::constructible_from<hk::record, int, std::nullptr_t>);
static_assert(!std::constructible_from<hk::record, char>);
static_assert(!std::constructible_from<hk::record, char const*, char>);
static_assert(!std::constructible_from<hk::record, char const*, char const*, int>);
static_assert(!std::convertible_to<char const*, hk::record>);
static_assert(braces_become_record<char const*, char const*>);

// Records come from one record without a word, and from anything else only when records is written.
static_assert(std::convertible_to<hk::record, hk::records>);
static_assert(std::convertible_to<hk::record&, hk::records>);
static_assert(std::convertible_to<hk::record const&, hk::records>);
static_assert(std::constructible_from<hk::records, std::vector<hk::record>>);
static_assert(std::constructible_from<hk::records, char const*>);
static_assert(std::constructible_from<hk::records, char const*, double, hk::record, hk::json>);
static_assert(std::constructible_from<hk::records, hk::record&, hk::record const&, hk::record>);
static_assert(!std::convertible_to<char const*, hk::records>);
static_assert(!std::convertible_to<int, hk::records>);
static_assert(!std::convertible_to<hk::json, hk::records>);
static_assert(!std::constructible_from<hk::records, char>);
static_assert(!std::constructible_from<hk::records, char const*, char>);
static_assert(!std::constructible_from<hk::records, std::vector<int>>);
static_assert(!braces_become_records<char const*, char const*>);
static_assert(!braces_become_records<std::string, std::string>);
static_assert(!braces_become_records<char const*, int>);
static_assert(!braces_become_records<int, int, int>);
static_assert(!braces_become_records<hk::record, hk::record>);
static_assert(!braces_become_records<char const*>);

hk::receipt receipt_of(std::vector<hk::persistence> const& states)
{
    std::vector<hk::record_outcome> outcomes;
    for (auto const state : states)
        outcomes.emplace_back(state);
    return hk::receipt(std::move(outcomes));
}

} // namespace

TEST_CASE("a record has a value and nothing else unless it is said")
{
    hk::record const plain("text");
    CHECK(plain.value().text() == R"("text")");
    CHECK_FALSE(plain.key());
    CHECK_FALSE(plain.partition());

    hk::record const empty;
    CHECK(empty.value().text() == "null");
    CHECK_FALSE(empty.key());
}

TEST_CASE("a record takes every kind of JSON as value and as key")
{
    CHECK(hk::record(3.14).value().text() == "3.14");
    CHECK(hk::record(std::numeric_limits<std::int64_t>::min()).value().text() == "-9223372036854775808");
    CHECK(hk::record(std::numeric_limits<std::uint64_t>::max()).value().text() == "18446744073709551615");
    CHECK(hk::record(true).value().text() == "true");
    CHECK(hk::record(nullptr).value().text() == "null");
    CHECK(hk::record("s"s).value().text() == R"("s")");
    CHECK(hk::record(R"({"a":1})").value().text() == R"("{\"a\":1}")");
    CHECK(hk::record(hk::json::parse(R"({"a":1})")).value().text() == R"({"a":1})");

    hk::record const keyed(7, "value");
    REQUIRE(keyed.key());
    CHECK(keyed.key()->text() == "7");
    CHECK(keyed.value().text() == R"("value")");
}

TEST_CASE("a null key, an empty key and no key are three things")
{
    hk::record const null_key(nullptr, 1);
    hk::record const empty_key("", 1);
    hk::record const no_key(1);
    REQUIRE(null_key.key());
    REQUIRE(empty_key.key());
    CHECK(null_key.key()->text() == "null");
    CHECK(empty_key.key()->text() == R"("")");
    CHECK_FALSE(no_key.key());
}

TEST_CASE("a record's partition is set on a name and on a temporary")
{
    hk::record named("v");
    hk::record& same = named.partition(2);
    CHECK(&same == &named);
    CHECK(named.partition() == 2);

    hk::record const chained = hk::record("k", "v").partition(0);
    CHECK(chained.partition() == 0);
    CHECK(chained.key()->text() == R"("k")");
    static_assert(std::same_as<decltype(hk::record("v").partition(0)), hk::record&&>);
}

TEST_CASE("a record that cannot be JSON is an error when it is made")
{
    auto const code_of = [](auto make) {
        try {
            make();
        } catch (hk::error const& failure) {
            return failure.code();
        }
        return std::error_code();
    };
    CHECK(code_of([] { (void)hk::record("\xff"); }) == hk::errc::invalid_utf8);
    CHECK(code_of([] { (void)hk::record("\xff", 1); }) == hk::errc::invalid_utf8);
    CHECK(code_of([] { (void)hk::record(std::numeric_limits<double>::infinity()); }) == hk::errc::not_finite);
}

TEST_CASE("records are made from records and bare values in any mixture, in order")
{
    hk::record const lasting("k", 4);
    hk::records const list("text", 3.14, hk::record("key", "value").partition(1), lasting, nullptr,
                           hk::json::parse("[1]"));
    REQUIRE(list.size() == 6);
    CHECK(list[0].value().text() == R"("text")");
    CHECK_FALSE(list[0].key());
    CHECK(list[1].value().text() == "3.14");
    CHECK(list[2].key()->text() == R"("key")");
    CHECK(list[2].partition() == 1);
    CHECK(list[3].key()->text() == R"("k")");
    CHECK(lasting.value().text() == "4"); // copied, not taken
    CHECK(list[4].value().text() == "null");
    CHECK(list[5].value().text() == "[1]");
}

TEST_CASE("two strings are two records without a key")
{
    hk::records const list("key", "value");
    REQUIRE(list.size() == 2);
    CHECK_FALSE(list[0].key());
    CHECK_FALSE(list[1].key());
}

TEST_CASE("records come from one record, from a vector and by push_back")
{
    hk::records const one = hk::record("k", "v");
    REQUIRE(one.size() == 1);
    CHECK(one[0].key()->text() == R"("k")");

    std::vector<hk::record> vector;
    vector.emplace_back("a");
    vector.emplace_back("b");
    hk::records const several(std::move(vector));
    CHECK(several.size() == 2);

    hk::records grown;
    CHECK(grown.empty());
    grown.push_back(hk::record(1));
    grown.push_back(hk::record("k", 2));
    REQUIRE(grown.size() == 2);
    CHECK_FALSE(grown.empty());

    std::string texts;
    for (auto const& item : grown)
        texts += item.value().text();
    CHECK(texts == "12");
}

TEST_CASE("copies of records are records of their own")
{
    hk::records first(1, 2);
    hk::records second = first;
    second.push_back(hk::record(3));
    CHECK(first.size() == 2);
    CHECK(second.size() == 3);
    hk::records const third = std::move(second);
    CHECK(third.size() == 3);
}

TEST_CASE("a topic config says only what was set, in the order of setting")
{
    hk::topic_config const untouched;
    CHECK_FALSE(untouched.partition_count());
    CHECK_FALSE(untouched.replication_factor());
    CHECK(untouched.properties().empty());

    hk::topic_config const config = hk::topic_config()
                                        .partition_count(3)
                                        .replication_factor(2)
                                        .set("retention.ms", 604800000)
                                        .set("cleanup.policy", "compact");
    CHECK(config.partition_count() == 3);
    CHECK(config.replication_factor() == 2);
    REQUIRE(config.properties().size() == 2);
    CHECK(config.properties()[0].first == "retention.ms");
    CHECK(config.properties()[0].second.text() == "604800000");
    CHECK(config.properties()[1].second.text() == R"("compact")");
}

TEST_CASE("setting a topic property again replaces it where it stands")
{
    hk::topic_config config;
    config.set("a", 1).set("b", 2).set("a", "new");
    REQUIRE(config.properties().size() == 2);
    CHECK(config.properties()[0].first == "a");
    CHECK(config.properties()[0].second.text() == R"("new")");
    CHECK(config.properties()[1].first == "b");
}

TEST_CASE("a receipt is done only if all records are, none only if none is, else possibly")
{
    using enum hk::persistence;
    CHECK(receipt_of({done}).persisted() == done);
    CHECK(receipt_of({done, done, done}).persisted() == done);
    CHECK(receipt_of({none}).persisted() == none);
    CHECK(receipt_of({none, none}).persisted() == none);
    CHECK(receipt_of({possibly}).persisted() == possibly);
    CHECK(receipt_of({possibly, possibly}).persisted() == possibly);
    CHECK(receipt_of({done, none}).persisted() == possibly);
    CHECK(receipt_of({none, done}).persisted() == possibly);
    CHECK(receipt_of({done, possibly}).persisted() == possibly);
    CHECK(receipt_of({possibly, none}).persisted() == possibly);
    CHECK(receipt_of({done, possibly, none}).persisted() == possibly);
    CHECK(hk::receipt().persisted() == none);
    CHECK(hk::receipt().size() == 0);
}

TEST_CASE("a receipt tells of each record, and of none that is not there")
{
    hk::record_outcome placed(hk::persistence::done);
    placed.partition = 3;
    placed.offset = std::numeric_limits<std::int64_t>::max();
    hk::record_outcome failed(hk::persistence::none);
    failed.failure.emplace(hk::errc::bad_request, "too old");
    hk::receipt const receipt(std::vector<hk::record_outcome>{placed, failed});

    REQUIRE(receipt.size() == 2);
    CHECK(receipt.persisted(0) == hk::persistence::done);
    CHECK(receipt.partition(0) == 3);
    CHECK(receipt.offset(0) == std::numeric_limits<std::int64_t>::max());
    CHECK_FALSE(receipt.error(0));
    CHECK(receipt.persisted(1) == hk::persistence::none);
    CHECK_FALSE(receipt.partition(1));
    CHECK_FALSE(receipt.offset(1));
    REQUIRE(receipt.error(1));
    CHECK(receipt.error(1)->code() == hk::errc::bad_request);

    CHECK_THROWS_AS((void)receipt.persisted(2), std::out_of_range);
    CHECK_THROWS_AS((void)receipt.partition(2), std::out_of_range);
    CHECK_THROWS_AS((void)receipt.offset(2), std::out_of_range);
    CHECK_THROWS_AS((void)receipt.error(2), std::out_of_range);
}

TEST_CASE("an offset is earliest, latest or a number, and nothing is said twice")
{
    using anchor = hk::offset_spec::anchor;
    static_assert(hk::offset_spec(hk::earliest).which() == anchor::beginning);
    static_assert(hk::offset_spec(hk::latest).which() == anchor::end);
    static_assert(hk::offset_spec(0).which() == anchor::exact);
    hk::offset_spec const far = std::numeric_limits<std::int64_t>::max();
    CHECK(far.offset() == std::numeric_limits<std::int64_t>::max());

    // {} is neither earliest nor latest: the tags are made by name alone.
    static_assert(!std::default_initializable<hk::offset_spec>);
    static_assert(!std::convertible_to<char const*, hk::offset_spec>);
}

TEST_CASE("an offset never comes from a floating-point number")
{
    static_assert(!std::convertible_to<double, hk::offset_spec>);
    static_assert(!std::constructible_from<hk::offset_spec, double>);
    static_assert(!std::constructible_from<hk::offset_spec, float>);
    static_assert(!std::constructible_from<hk::offset_spec, bool>);
    static_assert(std::convertible_to<int, hk::offset_spec>);
    static_assert(std::convertible_to<std::int64_t, hk::offset_spec>);
    static_assert(std::convertible_to<unsigned, hk::offset_spec>);
}

TEST_CASE("call options chain on a name and on a temporary")
{
    hk::call_options named;
    CHECK_FALSE(named.timeout());
    CHECK(named.request_id().empty());
    hk::call_options& same = named.timeout(5s).request_id("id-1");
    CHECK(&same == &named);
    CHECK(named.timeout() == 5000ms);
    CHECK(named.request_id() == "id-1");

    hk::call_options const chained = hk::call_options().request_id("id-2").timeout(1min);
    CHECK(chained.timeout() == 60000ms);
    CHECK(chained.request_id() == "id-2");
    static_assert(std::same_as<decltype(hk::call_options().timeout(1s)), hk::call_options&&>);
    static_assert(std::same_as<decltype(hk::call_options().request_id("")), hk::call_options&&>);
}

TEST_CASE("the defaults are those that are documented")
{
    hk::retry_policy const retry;
    CHECK(retry.max_retries() == 3);
    CHECK(retry.base_delay() == 800ms);
    CHECK(retry.max_delay() == 60s);
    CHECK_FALSE(retry.at_least_once());

    hk::tls_options const tls;
    CHECK(tls.verify());
    CHECK(tls.ca_file().empty());
    CHECK_FALSE(tls.configure());

    hk::consume_options const consume;
    CHECK(consume.from().which() == hk::offset_spec::anchor::beginning);
    CHECK_FALSE(consume.until()); // it follows for ever
}

TEST_CASE("options of retries, TLS and streams chain on a name and on a temporary")
{
    auto const retry = hk::retry_policy().max_retries(1).base_delay(10ms).max_delay(2s).at_least_once(true);
    CHECK(retry.max_retries() == 1);
    CHECK(retry.base_delay() == 10ms);
    CHECK(retry.max_delay() == 2s);
    CHECK(retry.at_least_once());
    hk::retry_policy named_retry;
    CHECK(named_retry.max_retries(0).at_least_once(true).max_retries() == 0);

    auto const tls = hk::tls_options().ca_file("f").ca_pem("p").verify(false).configure([](ssl_ctx_st*) {});
    CHECK(tls.ca_file() == "f");
    CHECK(tls.ca_pem() == "p");
    CHECK_FALSE(tls.verify());
    CHECK(tls.configure());

    auto const consume = hk::consume_options().from(hk::latest).until(90).max_records(7).poll(50ms, 1s);
    CHECK(consume.from().which() == hk::offset_spec::anchor::end);
    REQUIRE(consume.until());
    CHECK(consume.until()->offset() == 90);
    CHECK(consume.max_records() == 7);
    CHECK(consume.poll_least() == 50ms);
    CHECK(consume.poll_most() == 1s);
    hk::consume_options named_consume;
    named_consume.from(12).until(hk::latest);
    CHECK(named_consume.from().offset() == 12);
    CHECK(named_consume.until()->which() == hk::offset_spec::anchor::end);
}
