// The proxy's answers other than records: metadata, acknowledgements, receipts, failures.
#include <hdikafka/detail/rest/answers.hpp>
#include <hdikafka/detail/rest/service_error.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hk = hdikafka;
using namespace hdikafka::detail;
using hk::persistence;

namespace {

constexpr std::string_view html = "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>";
/// What no success may look like, whatever was asked for.
std::vector<std::string> garbage()
{
    return {"",
            " ",
            "nonsense",
            std::string(html),
            "{",
            R"({"brokers":[)",
            "[]x",
            "{}",
            "null",
            "7",
            "\xff",
            R"({"other":[]})",
            "true",
            R"("t")",
            std::string(500, '['),
            std::string("{\0}", 3)};
}

template <class T>
bool invalid(hk::result<T> const& parsed)
{
    return !parsed && parsed.error().code() == hk::errc::invalid_response;
}

bool whole(hk::receipt const& receipt, std::size_t count, persistence state)
{
    if (receipt.size() != count || receipt.persisted() != state)
        return false;
    for (std::size_t i = 0; i < count; ++i)
        if (receipt.persisted(i) != state || receipt.offset(i) || receipt.partition(i))
            return false;
    return true;
}

hk::diagnostics about(std::string operation)
{
    hk::diagnostics info;
    info.operation = std::move(operation);
    info.topic = "orders";
    info.request_id = "id-1";
    return info;
}

} // namespace

TEST_CASE("brokers are read with and without a rack")
{
    auto const parsed = parse_brokers(R"( {"x":[{}],"brokers":[)"
                                      R"({"hostName":"wn0\u002dkafka","port":9092,"id":1001,"rack":"/d/1"},)"
                                      R"({"id":1002,"extra":{"a":[1]},"port":9092,"hostName":"wn1"},)"
                                      R"({"id":1003,"port":9092,"hostName":"wn2","rack":null}]} )");
    REQUIRE(parsed);
    auto const& brokers = parsed.value();
    REQUIRE(brokers.size() == 3);
    CHECK(brokers[0].id == 1001);
    CHECK(brokers[0].host == "wn0-kafka");
    CHECK(brokers[0].port == 9092);
    CHECK(brokers[0].rack == "/d/1");
    CHECK(brokers[1].host == "wn1");
    CHECK(brokers[1].rack.empty());
    CHECK(brokers[2].rack.empty());
    CHECK(parse_brokers(R"({"brokers":[]})").value().empty());
}

TEST_CASE("a list of brokers that is none is an invalid response")
{
    for (auto const& body : garbage()) {
        CAPTURE(body);
        CHECK(invalid(parse_brokers(body)));
    }
    for (std::string_view const body :
         {R"({"brokers":null})", R"({"brokers":{}})", R"({"brokers":["a"]})", R"({"brokers":[7]})",
          R"({"brokers":[{"id":"1","port":1,"hostName":"h"}]})",
          R"({"brokers":[{"id":2147483648,"port":1,"hostName":"h"}]})",
          R"({"brokers":[{"id":1.0,"port":1,"hostName":"h"}]})",
          R"({"brokers":[{"id":1,"port":1,"hostName":2}]})", R"({"brokers":[]} x)", R"({"brokers":[],})"}) {
        CAPTURE(body);
        CHECK(invalid(parse_brokers(body)));
    }
}

TEST_CASE("topics are read in their order, unescaped")
{
    auto const parsed = parse_topics(R"({"topics":["a","b.c-d_9","\u0078"],"more":{"topics":[1]}})");
    REQUIRE(parsed);
    CHECK(parsed.value() == std::vector<std::string>{"a", "b.c-d_9", "x"});
    CHECK(parse_topics(R"({"topics":[]})").value().empty());
    for (auto const& body : garbage()) {
        CAPTURE(body);
        CHECK(invalid(parse_topics(body)));
    }
    for (std::string_view const body : {R"({"topics":null})", R"({"topics":"a"})", R"({"topics":[1]})",
                                        R"({"topics":[null]})", R"({"topics":["\ud800"]})", R"(["a"])"}) {
        CAPTURE(body);
        CHECK(invalid(parse_topics(body)));
    }
}

TEST_CASE("a list that comes twice is an invalid response, for nobody knows which one counts")
{
    CHECK(invalid(parse_topics(R"({"topics":["a"],"topics":["b"]})")));
    CHECK(invalid(parse_brokers(R"({"brokers":[],"brokers":[]})")));
}

TEST_CASE("an answer that nests deeper than is read is told as that")
{
    auto const parsed =
        parse_topics(R"({"x":)" + std::string(600, '[') + std::string(600, ']') + R"(,"topics":[]})");
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code() == hk::errc::too_deep);
    CHECK(parsed.error().cause() ==
          "the answer is not a list of topics: the text nests deeper than 512 levels at byte 516");
}

TEST_CASE("an invalid response says where it stops being JSON")
{
    auto const parsed = parse_topics(R"({"topics":["a",nonsense]})");
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().cause().find("byte 16") != std::string::npos);
}

TEST_CASE("an acknowledgement is nothing, any JSON, or plain text that says so")
{
    CHECK(parse_acknowledgement("", ""));
    CHECK(parse_acknowledgement("", "text/html"));
    CHECK(parse_acknowledgement(R"("Topic created")", "application/json"));
    CHECK(parse_acknowledgement(R"("Topic created")", ""));
    CHECK(parse_acknowledgement("{}", "application/json"));
    CHECK(parse_acknowledgement("null", ""));
    CHECK(parse_acknowledgement("Topic created", "text/plain"));
    CHECK(parse_acknowledgement("Topic created", "text/plain; charset=utf-8"));
    CHECK(parse_acknowledgement("Topic created", "Text/Plain"));
    CHECK(parse_acknowledgement("\r\n", "application/json")); // nothing, too
}

TEST_CASE("a web page is no acknowledgement, and neither is half an answer")
{
    CHECK(invalid(parse_acknowledgement(html, "text/html")));
    CHECK(invalid(parse_acknowledgement(html, "")));
    CHECK(invalid(parse_acknowledgement(html, "application/json")));
    CHECK(invalid(parse_acknowledgement(R"("Topic crea)", "application/json")));
    CHECK(invalid(parse_acknowledgement("{", "")));
    CHECK(invalid(parse_acknowledgement("\xff\xfe", "text/plain")));
}

TEST_CASE("a bare string, nothing, or an object without offsets acknowledges all records")
{
    for (std::string_view const body :
         {"", R"("")", R"("OK")", "{}", "null", R"({"offsets":null})", R"({"cluster":"c","error":null})"}) {
        CAPTURE(body);
        auto const parsed = parse_receipt(body, "application/json", 3);
        REQUIRE(parsed);
        CHECK(whole(parsed.value(), 3, persistence::done));
    }
    CHECK(whole(parse_receipt("OK", "text/plain", 2).value(), 2, persistence::done));
}

TEST_CASE("offsets place each record")
{
    auto const parsed = parse_receipt(
        R"({"key_schema_id":null,"offsets":[{"partition":2,"offset":9007199254740993,"error_code":null,"error":null},)"
        R"({"offset":0,"partition":0},{"partition":1},{}]})",
        "application/json", 4);
    REQUIRE(parsed);
    auto const& receipt = parsed.value();
    REQUIRE(receipt.size() == 4);
    CHECK(receipt.persisted() == persistence::done);
    CHECK(receipt.partition(0) == 2);
    CHECK(receipt.offset(0) == 9007199254740993);
    CHECK(receipt.offset(1) == 0);
    CHECK(receipt.partition(2) == 1);
    CHECK_FALSE(receipt.offset(2));
    CHECK_FALSE(receipt.partition(3));
    for (std::size_t i = 0; i < 4; ++i)
        CHECK_FALSE(receipt.error(i));
}

TEST_CASE("a record's error stays with that record")
{
    auto const parsed =
        parse_receipt(R"({"offsets":[{"partition":0,"offset":5},)"
                      R"({"partition":0,"offset":-1,"error_code":1,"error":"too \u006carge"},)"
                      R"({"error_code":2,"error":"retry"},{"partition":1,"offset":6,"error_code":50003}]})",
                      "application/json", 4);
    REQUIRE(parsed);
    auto const& receipt = parsed.value();
    CHECK(receipt.persisted() == persistence::possibly);
    CHECK(receipt.persisted(0) == persistence::done);
    CHECK(receipt.offset(0) == 5);
    CHECK_FALSE(receipt.error(0));

    CHECK(receipt.persisted(1) == persistence::none);
    CHECK_FALSE(receipt.offset(1));
    REQUIRE(receipt.error(1));
    CHECK(receipt.error(1)->info().server_code == "1");
    CHECK(receipt.error(1)->info().server_message == "too large");
    CHECK(receipt.error(1)->info().persisted() == persistence::none);
    CHECK(std::string_view(receipt.error(1)->what()).find("too large") != std::string_view::npos);

    CHECK(receipt.persisted(2) == persistence::possibly);
    REQUIRE(receipt.error(2));
    CHECK(receipt.error(2)->info().persisted() == persistence::possibly);
    CHECK(receipt.persisted(3) == persistence::possibly);
    REQUIRE(receipt.error(3));
    CHECK(receipt.error(3)->cause() == "the service reports an error for this record");
}

TEST_CASE("what is known of a produce is told with each record's error, and made for no other")
{
    int made = 0;
    auto const parsed = parse_receipt(R"({"offsets":[{"offset":5},{"error_code":1},{"error_code":2}]})",
                                      "application/json", 3, [&made] {
                                          ++made;
                                          hk::diagnostics out = about("");
                                          out.persisted(persistence::possibly);
                                          return out;
                                      });
    REQUIRE(parsed);
    CHECK(made == 2);
    CHECK(parsed.value().persisted(1) == persistence::possibly);
    for (std::size_t const i : {1U, 2U}) {
        REQUIRE(parsed.value().error(i));
        CHECK(parsed.value().error(i)->info().operation == "produce");
        CHECK(parsed.value().error(i)->info().topic == "orders");
    }
}

TEST_CASE("the error code 0 and an empty error are Kafka's way to say that nothing is wrong")
{
    auto const parsed = parse_receipt(R"({"offsets":[{"partition":0,"offset":5,"error_code":0,"error":""},)"
                                      R"({"partition":0,"offset":6,"error_code":0}]})",
                                      "application/json", 2);
    REQUIRE(parsed);
    CHECK(parsed.value().persisted() == persistence::done);
    CHECK(parsed.value().offset(0) == 5);
    CHECK_FALSE(parsed.value().error(0));
    CHECK_FALSE(parsed.value().error(1));
}

TEST_CASE("all records refused are none persisted")
{
    auto const parsed = parse_receipt(
        R"({"offsets":[{"error_code":40402,"error":"no"},{"error_code":1,"error":"no"}]})", "", 2);
    REQUIRE(parsed);
    CHECK(parsed.value().persisted() == persistence::none);
}

TEST_CASE("an offset below zero is none, and the record is doubtful")
{
    auto const parsed = parse_receipt(R"({"offsets":[{"partition":0,"offset":-1}]})", "", 1);
    REQUIRE(parsed);
    CHECK(parsed.value().persisted(0) == persistence::possibly);
    CHECK_FALSE(parsed.value().offset(0));
}

TEST_CASE("a list that does not match the request makes the whole batch doubtful")
{
    for (std::string_view const body :
         {R"({"offsets":[]})", R"({"offsets":[{"partition":0,"offset":5}]})",
          R"({"offsets":[{"offset":5},{"offset":6},{"offset":7}]})", R"({"offsets":["a","b"]})",
          R"({"offsets":[{"offset":"5"},{"offset":6}]})",
          R"({"offsets":[{"offset":9223372036854775808},{"offset":6}]})",
          R"({"offsets":[{"partition":2147483648},{"offset":6}]})", R"({"offsets":[null,null]})",
          R"({"error_code":50001,"message":"m"})", R"({"error":"it failed"})"}) {
        CAPTURE(body);
        auto const parsed = parse_receipt(body, "application/json", 2);
        REQUIRE(parsed);
        CHECK(whole(parsed.value(), 2, persistence::possibly));
    }
}

TEST_CASE("a web page or half an answer is no receipt")
{
    CHECK(invalid(parse_receipt(html, "text/html", 1)));
    CHECK(invalid(parse_receipt(R"({"offsets":[{"partition":0,"offset":5})", "application/json", 1)));
    CHECK(invalid(parse_receipt("\x80", "application/json", 1)));
}

TEST_CASE("the service's words are found in all spellings")
{
    auto const words = [](std::string_view body) {
        auto const found = parse_service_words(body);
        return found.code + "|" + found.message;
    };
    CHECK(words(R"({"error_code":40401,"message":"no \"topic\""})") == R"(40401|no "topic")");
    CHECK(words(R"({"message":"m","error_code":"X"})") == "X|m");
    CHECK(words(R"({"error":{"code":"Throttled","message":"slow"}})") == "Throttled|slow");
    CHECK(words(R"({"error":{"code":-7,"innererror":{"message":"deep"},"message":"m"}})") == "-7|m");
    CHECK(words(R"({"error":"invalid_client","error_description":"AADSTS7000215"})") ==
          "invalid_client|AADSTS7000215");
    CHECK(words(R"({"message":"only words"})") == "|only words");
    CHECK(words(R"( {"error_code":1,"message":"m","other":[{"message":"no"}]} )") == "1|m");
}

TEST_CASE("a body without the known fields is kept as it is")
{
    for (std::string_view const body : {"plain text", "<html>oops</html>", R"({"detail":"x"})", "[1]", "7",
                                        R"({"error_code":1,"message":"cut of)", R"({"message":null})"}) {
        CAPTURE(body);
        auto const found = parse_service_words(body);
        CHECK(found.code.empty());
        CHECK(found.message == body);
    }
    CHECK(parse_service_words("").message.empty());
}

TEST_CASE("a code without a message does not cost the rest of the body")
{
    auto const found = parse_service_words(R"({"error_code":40301,"detail":"not in the group"})");
    CHECK(found.code == "40301");
    CHECK(found.message.find("not in the group") != std::string::npos);
}

TEST_CASE("the service's words are bounded at 4 KiB, between two characters")
{
    CHECK(parse_service_words(std::string(5000, 'x')).message == std::string(4096, 'x'));
    CHECK(parse_service_words(R"({"message":")" + std::string(5000, 'y') + R"("})").message ==
          std::string(4096, 'y'));
    std::string euros;
    for (int i = 0; i < 2000; ++i)
        euros += "\xe2\x82\xac";
    std::string const cut = parse_service_words(euros).message;
    CHECK(cut.size() == 4095);
    CHECK(valid_utf8(cut));
    // Bytes that are no text at all are kept too.
    CHECK(parse_service_words(std::string(5000, '\x80')).message.size() > 4000);
}

TEST_CASE("each status has its code")
{
    using enum hk::errc;
    std::vector<std::pair<int, hk::errc>> const table = {
        {400, bad_request},       {401, unauthorized},      {403, forbidden},      {404, not_found},
        {405, not_supported},     {409, already_exists},    {413, too_large},      {422, bad_request},
        {429, throttled},         {500, service_failed},    {502, service_failed}, {503, service_failed},
        {504, service_failed},    {599, service_failed},    {301, redirected},     {307, redirected},
        {206, unexpected_status}, {600, unexpected_status},
    };
    for (auto const& [status, code] : table) {
        CAPTURE(status);
        auto const failure = describe_status(status, "", "", about("produce"));
        CHECK(failure.code() == code);
        CHECK(failure.info().http_status == status);
        CHECK(std::string_view(failure.what()).find("HTTP " + std::to_string(status)) !=
              std::string_view::npos);
    }
}

TEST_CASE("a failure that passes by itself is retriable, another is not")
{
    for (int const status : {408, 429, 500, 502, 503, 504})
        CHECK(describe_status(status, "", "", about("fetch")).info().retriable());
    for (int const status : {302, 400, 401, 403, 404, 405, 409, 413, 501})
        CHECK_FALSE(describe_status(status, "", "", about("fetch")).info().retriable());
}

TEST_CASE("a failure keeps what the caller knows and what the service says")
{
    auto const failure = describe_status(404, R"({"error_code":40401,"message":"Topic\nnot found."})", "",
                                         about("partitions"));
    CHECK(failure.info().operation == "partitions");
    CHECK(failure.info().topic == "orders");
    CHECK(failure.info().request_id == "id-1");
    CHECK(failure.info().server_code == "40401");
    CHECK(failure.info().server_message == "Topic\nnot found.");
    std::string const what = failure.what();
    CHECK(what.find("partitions 'orders'") == 0);
    CHECK(what.find("Topic not found.") != std::string::npos);
}

TEST_CASE("what() shows the beginning of a long message, in whole characters")
{
    std::string euros;
    for (int i = 0; i < 500; ++i)
        euros += "\xe2\x82\xac";
    for (std::size_t shift = 0; shift < 3; ++shift) {
        auto const failure = describe_status(500, std::string(shift, '-') + euros, "", about("produce"));
        CHECK(valid_utf8(failure.what()));
        CHECK(std::string_view(failure.what()).size() < 600);
        CHECK(failure.info().server_message.size() >= 1500);
    }
}

TEST_CASE("a redirect names the host that it leads to")
{
    auto const failure = describe_status(302, html, "https://login.example.org/sign?in=1", about("topics"));
    CHECK(failure.code() == hk::errc::redirected);
    CHECK(std::string_view(failure.what()).find("login.example.org") != std::string_view::npos);
}

TEST_CASE("a creation that finds the topic there is already_exists, however the service says it")
{
    for (int const status : {400, 409, 422, 500}) {
        CAPTURE(status);
        auto const failure = describe_status(status, R"({"message":"Topic 'orders' already exists."})", "",
                                             about("create_topic"));
        CHECK(failure.code() == hk::errc::already_exists);
        CHECK_FALSE(failure.info().retriable());
    }
    CHECK(describe_status(400, "already exists", "", about("produce")).code() == hk::errc::bad_request);
}

TEST_CASE("a produce that is told of a size is too large, whatever the status")
{
    for (std::string const text :
         {"Record too large", "The request included a message too large",
          "org.apache.kafka.common.errors.RecordTooLargeException: The message is 1048665 bytes when "
          "serialized",
          "which is larger than 1048576, which is the value of the max.request.size configuration.",
          "exceeds message.max.bytes", "MESSAGE_TOO_LARGE", "Request entity too large"})
        for (int const status : {400, 422, 500})
            for (char const* const operation : {"produce", "send"}) {
                CAPTURE(text);
                std::string const body = R"({"error_code":40001,"message":")" + text + "\"}";
                auto const failure = describe_status(status, body, "", about(operation));
                CHECK(failure.code() == hk::errc::too_large);
                CHECK_FALSE(failure.info().retriable());
                CHECK(failure.info().server_code == "40001");
            }
}

TEST_CASE("nothing else is taken for a size")
{
    for (std::string const text : {"the number 99999999999 is too large", "the record is not JSON",
                                   "a large message was lost", "too many requests", ""})
        CHECK(describe_status(400, text, "", about("produce")).code() == hk::errc::bad_request);
    CHECK(describe_status(400, "Record too large", "", about("fetch")).code() == hk::errc::bad_request);
    CHECK(describe_status(503, "message too large", "", about("produce")).code() == hk::errc::service_failed);
    CHECK(describe_status(404, "message too large", "", about("produce")).code() == hk::errc::not_found);
}

TEST_CASE("a record of a receipt that is told of its size is too large, and not there")
{
    for (char const* const code : {"1", "2", "50002"}) {
        std::string const body = R"({"offsets":[{"partition":0,"offset":7},{"error_code":)" +
                                 std::string(code) +
                                 R"(,"error":"RecordTooLargeException: 2000000 bytes"}]})";
        auto const told = parse_receipt(body, "application/json", 2);
        REQUIRE(told);
        CHECK(told.value().persisted(0) == hk::persistence::done);
        CHECK(told.value().persisted(1) == hk::persistence::none);
        REQUIRE(told.value().error(1));
        CHECK(told.value().error(1)->code() == hk::errc::too_large);
        CHECK_FALSE(told.value().error(1)->info().retriable());
    }
}

TEST_CASE("a refusal is certain, a failing service leaves doubt")
{
    for (int const status : {301, 400, 401, 403, 404, 405, 413, 429})
        CHECK(refusing_status(status));
    for (int const status : {408, 500, 502, 503, 504, 200, 600})
        CHECK_FALSE(refusing_status(status));
}
