// Errors: their codes, what they say, what is known besides; and results that hold one or a value.
#include <hdikafka/error.hpp>
#include <hdikafka/result.hpp>

#include <doctest/doctest.h>

#include <array>
#include <concepts>
#include <initializer_list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace hk = hdikafka;

static_assert(std::derived_from<hk::error, std::system_error>);
static_assert(std::is_nothrow_copy_constructible_v<hk::error>);
static_assert(std::is_error_code_enum_v<hk::errc>);
static_assert(!std::is_aggregate_v<hk::diagnostics>);

namespace {

constexpr int last_code = static_cast<int>(hk::errc::topic_recreated);

hk::diagnostics about(std::string operation, std::string topic = {})
{
    hk::diagnostics info;
    info.operation = std::move(operation);
    info.topic = std::move(topic);
    return info;
}

bool one_line(std::string_view text)
{
    for (char const c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            return false;
    return !text.empty();
}

/// Owned by one alone, as sockets are.
using precious = std::unique_ptr<int>;

hk::result<precious> make_precious(int value) { return std::make_unique<int>(value); }

} // namespace

TEST_CASE("every code has a message of its own")
{
    std::set<std::string> messages;
    for (int value = 1; value <= last_code; ++value) {
        std::string const message = make_error_code(static_cast<hk::errc>(value)).message();
        CAPTURE(value);
        CAPTURE(message);
        CHECK(message != "unknown error");
        CHECK(one_line(message));
        CHECK(messages.insert(message).second);
    }
    CHECK(messages.size() == static_cast<std::size_t>(last_code));
}

TEST_CASE("a number that is no code has a message too")
{
    for (int const value : {0, -1, last_code + 1})
        CHECK(hk::error_category().message(value) == "unknown error");
}

TEST_CASE("codes belong to one category with a name")
{
    std::error_code const code = hk::errc::throttled;
    CHECK(&code.category() == &hk::error_category());
    CHECK(std::string_view(code.category().name()) == "hdikafka");
    CHECK(code);
    CHECK(code == hk::errc::throttled);
    CHECK(code != hk::errc::forbidden);
    CHECK(code != std::error_code(code.value(), std::generic_category()));
}

TEST_CASE("the three timeouts are timed_out")
{
    using enum hk::errc;
    for (hk::errc const value : {connect_timeout, idle_timeout, timed_out})
        CHECK(hk::make_error_code(value) == std::errc::timed_out);
    for (hk::errc const value : {closed, throttled, connection_lost, service_failed})
        CHECK(hk::make_error_code(value) != std::errc::timed_out);
}

TEST_CASE("every bad argument is invalid_argument")
{
    using enum hk::errc;
    for (hk::errc const value : {invalid_topic, invalid_partition, invalid_offset, invalid_count, no_records,
                                 invalid_endpoint, invalid_option, no_credential, invalid_utf8, not_finite})
        CHECK(hk::make_error_code(value) == std::errc::invalid_argument);
    for (hk::errc const value : {invalid_json, not_found, bad_request, invalid_response})
        CHECK(hk::make_error_code(value) != std::errc::invalid_argument);
}

TEST_CASE("other codes equal the portable condition that says the same")
{
    using enum hk::errc;
    CHECK(hk::make_error_code(out_of_range) == std::errc::result_out_of_range);
    CHECK(hk::make_error_code(connection_lost) == std::errc::connection_reset);
    CHECK(hk::make_error_code(truncated) == std::errc::connection_reset);
    CHECK(hk::make_error_code(unauthorized) == std::errc::permission_denied);
    CHECK(hk::make_error_code(forbidden) == std::errc::permission_denied);
    CHECK(hk::make_error_code(not_supported) == std::errc::operation_not_supported);
    CHECK(hk::make_error_code(already_running) == std::errc::operation_in_progress);
}

TEST_CASE("what() names the operation, the topic and the cause")
{
    hk::error const full(hk::errc::throttled, about("produce", "orders"), "HTTP 429");
    CHECK(std::string(full.what()) == "produce 'orders': HTTP 429");
    CHECK(full.cause() == "HTTP 429");
    CHECK(full.code() == hk::errc::throttled);

    hk::error const without_topic(hk::errc::closed, about("brokers"));
    CHECK(std::string(without_topic.what()) == "brokers: closed");

    hk::error const alone(hk::errc::not_finite);
    CHECK(std::string_view(alone.what()).find("the number is not finite") != std::string_view::npos);
}

TEST_CASE("what() is one line whatever the server or the caller put into it")
{
    hk::error const failure(hk::errc::service_failed, about("pro\nduce", "or\rders"),
                            std::string_view("a\nb\r\nc\td\x7f\0e", 11));
    CHECK(one_line(failure.what()));
    CHECK(std::string(failure.what()) == "pro duce 'or ders': a b  c d  e");
}

TEST_CASE("an error carries a code of another category as it is")
{
    std::error_code const foreign = std::make_error_code(std::errc::operation_canceled);
    hk::error const failure(foreign, about("fetch", "t"));
    CHECK(failure.code() == foreign);
    CHECK(failure.code() == std::errc::operation_canceled);
    CHECK(std::string(failure.what()) == "fetch 't': " + foreign.message());
}

TEST_CASE("diagnostics know nothing unless they are told")
{
    hk::diagnostics const nothing;
    CHECK(nothing.operation.empty());
    CHECK(nothing.topic.empty());
    CHECK(nothing.http_status == 0);
    CHECK(nothing.server_code.empty());
    CHECK(nothing.server_message.empty());
    CHECK(nothing.request_id.empty());
    CHECK_FALSE(nothing.retry_after);
    CHECK_FALSE(nothing.retriable());
    CHECK(nothing.persisted() == hk::persistence::none);
}

TEST_CASE("an error keeps the diagnostics that it was made with")
{
    hk::diagnostics info = about("produce", "orders");
    info.http_status = 503;
    info.server_code = "50302";
    info.server_message = "two\nlines";
    info.request_id = "id";
    info.retry_after = std::chrono::seconds(2);
    info.retriable(true).persisted(hk::persistence::possibly);
    hk::error const failure(hk::errc::service_failed, info, "HTTP 503");

    CHECK(failure.info().operation == "produce");
    CHECK(failure.info().topic == "orders");
    CHECK(failure.info().http_status == 503);
    CHECK(failure.info().server_code == "50302");
    CHECK(failure.info().server_message == "two\nlines");
    CHECK(failure.info().request_id == "id");
    CHECK(failure.info().retry_after == std::chrono::milliseconds(2000));
    CHECK(failure.info().retriable());
    CHECK(failure.info().persisted() == hk::persistence::possibly);
}

TEST_CASE("a copy of an error says the same, also after the first is gone")
{
    auto first = std::make_unique<hk::error>(hk::errc::throttled, about("produce", "orders"), "HTTP 429");
    hk::error const copy = *first;
    hk::error assigned(hk::errc::closed);
    assigned = *first;
    first.reset();
    for (hk::error const* one : {&copy, static_cast<hk::error const*>(&assigned)}) {
        CHECK(std::string(one->what()) == "produce 'orders': HTTP 429");
        CHECK(one->code() == hk::errc::throttled);
        CHECK(one->info().topic == "orders");
    }
}

TEST_CASE("an error that was moved from can still be asked")
{
    hk::error first(hk::errc::throttled, about("produce", "orders"), "HTTP 429");
    hk::error const second = std::move(first);
    CHECK(std::string(second.what()) == "produce 'orders': HTTP 429");
    // NOLINTNEXTLINE(bugprone-use-after-move): an exception's what() is called in the oddest places
    CHECK(one_line(first.what()));
    CHECK(first.info().operation.size() <= 7);
}

TEST_CASE("an error is caught as a std::system_error with its own what()")
{
    try {
        throw hk::error(hk::errc::not_found, about("partitions", "t"), "HTTP 404");
    } catch (std::system_error const& failure) {
        CHECK(failure.code() == hk::errc::not_found);
        CHECK(std::string(failure.what()) == "partitions 't': HTTP 404");
    }
}

TEST_CASE("a result holds a value")
{
    hk::result<std::string> good(std::string("v"));
    CHECK(good);
    CHECK(good.value() == "v");
    good.value() += "w";
    CHECK(std::as_const(good).value() == "vw");
    static_assert(!std::convertible_to<hk::result<int>, bool>); // only in a condition
}

TEST_CASE("a result holds an error, which value() throws")
{
    hk::result<std::string> bad(hk::error(hk::errc::closed, about("topics")));
    CHECK_FALSE(bad);
    CHECK(bad.error().code() == hk::errc::closed);
    CHECK_THROWS_AS((void)bad.value(), hk::error);
    CHECK_THROWS_AS((void)std::as_const(bad).value(), hk::error);
    CHECK_THROWS_AS((void)std::move(bad).value(), hk::error);
    try {
        (void)bad.value();
    } catch (hk::error const& failure) {
        CHECK(std::string(failure.what()) == "topics: closed");
    }
}

TEST_CASE("value() of a temporary result is a value, not a reference into it")
{
    static_assert(std::same_as<decltype(std::declval<hk::result<std::string>>().value()), std::string>);
    static_assert(std::same_as<decltype(std::declval<hk::result<std::string>&>().value()), std::string&>);
    static_assert(
        std::same_as<decltype(std::declval<hk::result<std::string> const&>().value()), std::string const&>);

    auto&& kept = hk::result<std::string>(std::string(100, 'x')).value(); // dangles if it is a reference
    CHECK(kept == std::string(100, 'x'));
}

TEST_CASE("a result's value can be one that only moves")
{
    hk::result<precious> held = make_precious(5);
    REQUIRE(held);
    CHECK(*held.value() == 5);
    hk::result<precious> moved = std::move(held);
    precious const out = std::move(moved).value();
    CHECK(*out == 5);
    CHECK(*make_precious(6).value() == 6);
    static_assert(!std::copy_constructible<hk::result<precious>>);
    static_assert(std::default_initializable<hk::result<precious>>);
}

TEST_CASE("a result without a value is a success or an error")
{
    hk::result<void> const good;
    CHECK(good);
    CHECK_NOTHROW(good.value());

    hk::result<void> const bad = hk::error(hk::errc::forbidden);
    CHECK_FALSE(bad);
    CHECK(bad.error().code() == hk::errc::forbidden);
    CHECK_THROWS_AS(bad.value(), hk::error);
    static_assert(!std::convertible_to<hk::result<void>, bool>);
}
