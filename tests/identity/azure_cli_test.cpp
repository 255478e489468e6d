// The Azure CLI's sign-in: what it is asked, what it prints, and every way in which it gives no token. A
// script stands for it.
#include "support/base/environment.hpp"
#include "support/base/waiting.hpp"
#include "support/identity/child_watch.hpp"
#include "support/identity/source_bench.hpp"

#include <hdikafka/detail/identity/azure_cli.hpp>

#include <asio/error.hpp>
#include <asio/thread_pool.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <utility>
#include <vector>

using namespace test;
using namespace std::chrono_literals;
using hk::errc;
using std::string;

namespace {

string const token = "eyJ0eXAiOiJKV1Qi.eyJhdWQiOiJodHRwcz.c2lnbmF0dXJl";

string answer(string const& expiry = R"("expires_on": 4102444800)")
{
    return R"({"accessToken": ")" + token + R"(", )" + expiry +
           R"(, "subscription": "s", "tenant": "t", "tokenType": "Bearer"})";
}

string says(string const& text) { return "cat <<'END'\n" + text + "\nEND\n"; }

source_ptr cli(hk::detail::azure_cli_settings settings = {}, std::chrono::milliseconds longest = 5min)
{
    return std::make_shared<hk::detail::azure_cli_source<>>(std::move(settings), longest);
}

/// A machine with an az that does what a script says, or without one.
class machine
{
public:
    explicit machine(std::optional<string> const& script)
        : path_("PATH", folder.path("") + ":" + std::getenv("PATH")), life(folder)
    {
        if (script)
            install(*script);
    }

    void install(string const& script, mode_t mode = 0700) const
    {
        string const file = folder.file("az", "#!/bin/sh\n" + life.hold() + "\n" + script);
        REQUIRE(::chmod(file.c_str(), mode) == 0);
    }

    /// Asks once; whatever came of it, nothing is left.
    asked ask(source_ptr source = cli(), string claims = "")
    {
        asked out = bench.ask(std::move(source), std::move(claims));
        CHECK(out.ended);
        CHECK_FALSE(out.thrown);
        CHECK(out.grant.source == "Azure CLI");
        CHECK(childless());
        return out;
    }

    string content(string const& name) const
    {
        std::ifstream in(folder.path(name), std::ios::binary);
        return string(std::istreambuf_iterator<char>(in), {});
    }

    scratch_folder folder;

private:
    variable path_;

public:
    life_line life;
    source_bench bench;
};

/// Checks that asking fails, and gives the cause.
string failure(machine& here, std::error_code code, source_ptr source = cli())
{
    asked const out = here.ask(std::move(source));
    CAPTURE(out.cause());
    CHECK_FALSE(out.good());
    CHECK(out.code() == code);
    CHECK(out.cause().find("eyJ") == string::npos);
    return out.cause();
}

string const not_installed = "the Azure CLI is not installed: there is no az in PATH (install it from "
                             "https://aka.ms/azure-cli, or add its folder to PATH)";

auto const now = std::chrono::system_clock::time_point(1'800'000'000s); // 2027-01-15 08:00 UTC

hk::result<hk::access_token> parse(string const& output)
{
    return hk::detail::parse_cli_output<>(output, now);
}

} // namespace

TEST_CASE("the token that az prints is used for as long as it says")
{
    machine here(says(answer()));
    asked const out = here.ask();
    REQUIRE(out.good());
    CHECK(out.grant.token.token() == token);
    CHECK(out.grant.token.expires_in() > 24h * 365);
    CHECK(out.grant.passed_over.empty());
}

TEST_CASE("az is asked for the scope, and the tenant if there is one, in these words")
{
    machine here(R"(printf '%s\n' "$@" > ")"
                 "$HDIKAFKA_TEST_FILE"
                 R"("; )" +
                 says(answer()));
    variable const file("HDIKAFKA_TEST_FILE", here.folder.path("words"));
    string const asked_for = "account\nget-access-token\n--output\njson\n--scope\n";
    REQUIRE(here.ask().good());
    CHECK(here.content("words") == asked_for + "https://hib.azurehdinsight.net/.default\n");
    hk::detail::azure_cli_settings other;
    other.scope = "api://some_app-1/.default";
    other.tenant = "contoso.example-1";
    REQUIRE(here.ask(cli(other)).good());
    CHECK(here.content("words") == asked_for + "api://some_app-1/.default\n--tenant\ncontoso.example-1\n");
}

TEST_CASE("what could be more than a value on a command line is not handed to az")
{
    machine here(says(answer()));
    for (string const bad : {"-", "--help", "a b", "a\tb", "a;b", "a'b", "a\"b", "$(a)", "a\nb", "a&b", "a%b",
                             "a|b", "a\\b", "a*", "caf\xc3\xa9", "a,b", "a=b", "a@b"}) {
        hk::detail::azure_cli_settings settings;
        settings.scope = bad;
        CHECK(failure(here, errc::invalid_option, cli(settings)).starts_with("a scope for the Azure CLI"));
        settings = {};
        settings.tenant = bad;
        CHECK(failure(here, errc::invalid_option, cli(settings)).starts_with("a tenant for the Azure CLI"));
    }
    hk::detail::azure_cli_settings settings;
    settings.scope = "";
    CHECK(failure(here, errc::invalid_option, cli(settings)).starts_with("a scope for the Azure CLI"));
    settings.scope = string("a\0b", 3);
    CHECK(failure(here, errc::invalid_option, cli(settings)).starts_with("a scope for the Azure CLI"));
    CHECK_FALSE(here.life.begun());
}

TEST_CASE("without az, or with one that cannot run, there is no credential")
{
    scratch_folder const empty;
    {
        machine here(std::nullopt);
        variable const path("PATH", empty.path(""));
        CHECK(failure(here, errc::no_credential) == not_installed);
    }
    machine here(std::nullopt);
    variable const path("PATH", here.folder.path(""));
    here.install("exit 0", 0600);
    CHECK(failure(here, errc::no_credential).starts_with("the Azure CLI cannot be started: "));
    here.install("exit 127");
    CHECK(failure(here, errc::no_credential) == not_installed);
}

TEST_CASE("nobody signed in is no credential; the words say what to do")
{
    machine here("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1");
    CHECK(failure(here, errc::no_credential) ==
          "the Azure CLI needs a new sign-in: ERROR: Please run 'az login' to setup account.");
}

TEST_CASE("any other failure is reported with the exit code and what az said, in one line")
{
    machine here("printf 'ERROR: AADSTS50076: no.\\r\\n\\n  Trace\\t1 \\033[0m\\n' >&2; exit 2");
    CHECK(failure(here, errc::token_refused) ==
          "the Azure CLI exited with 2: ERROR: AADSTS50076: no. Trace 1");
    here.install("exit 1");
    CHECK(failure(here, errc::token_refused) == "the Azure CLI exited with 1: ");
    here.install("echo dead >&2; kill -9 $$");
    CHECK(failure(here, errc::token_refused) == "the Azure CLI ended without an exit code: dead");
    here.install("echo no >&2; " + says(answer()) + "exit 1"); // a token all the same is none
    CHECK(failure(here, errc::token_refused) == "the Azure CLI exited with 1: no");
}

TEST_CASE("what az complains of is shown in bounds, without anything like a token")
{
    string const long_secret(65, 's');
    machine here("printf '%s' 'caf\xc3\xa9 \"accessToken\": \"" + token + "\" 0.A" + long_secret +
                 " 11111111-2222-3333-4444-555555555555/x' >&2; exit 1");
    CHECK(failure(here, errc::token_refused) ==
          "the Azure CLI exited with 1: caf\xc3\xa9 \"accessToken\": \"REDACTED\" REDACTED "
          "11111111-2222-3333-4444-555555555555/x");
    here.install("printf 'caf\\351' >&2; exit 1"); // no UTF-8
    CHECK(failure(here, errc::token_refused) == "the Azure CLI exited with 1: caf?");
    here.install("yes 'no no no' | head -c 100000 >&2; exit 1");
    CHECK(failure(here, errc::token_refused).size() < 1'100);
}

TEST_CASE("output that is no token is reported and not shown")
{
    machine here(says("You have been signed in, eyJ0eXAi"));
    CHECK(failure(here, errc::invalid_token_response) ==
          "the Azure CLI's output is not what it is known to print");
    here.install("exit 0");
    CHECK(failure(here, errc::invalid_token_response).find("is not what") != string::npos);
    here.install("while :; do echo '" + answer() + "'; done");
    CHECK(failure(here, errc::invalid_token_response) == "the Azure CLI printed far more than a token");
    CHECK(here.life.begun());
    CHECK(here.life.ends());
}

TEST_CASE("complaints, as many as there may be, do not spoil a token")
{
    machine here("yes WARNING | head -c 1000000 >&2; " + says(answer()));
    CHECK(here.ask().good());
}

TEST_CASE("an az that hangs is given up at the limit")
{
    machine here("trap '' TERM; sleep 1000");
    for (auto limit = 100ms; !here.life.begun(); limit *= 2) // until it has had the time to begin
        CHECK(failure(here, errc::timed_out, cli({}, limit)) == "the Azure CLI took too long");
    CHECK(here.life.ends());
}

TEST_CASE("the end of the request ends az")
{
    machine here("sleep 1000");
    for (bool const by_closing : {true, false}) {
        auto const request = here.bench.begin(cli());
        work_until(*here.bench.io, [&here] { return here.life.begun(); });
        by_closing ? request.operation->close() : request.operation->cancel();
        here.bench.io->run();
        here.bench.io->restart();
        REQUIRE(request.answer->ended);
        if (by_closing)
            CHECK(request.answer->code() == errc::closed);
        else
            CHECK(request.answer->code() == asio::error::operation_aborted);
        CHECK(request.answer->cause().ends_with("(while waiting for the Azure CLI)"));
        CHECK(childless());
        CHECK(here.life.ends());
    }
}

TEST_CASE("so does the end of the context")
{
    machine here("sleep 1000");
    asked_ptr const answer = here.bench.begin(cli()).answer;
    work_until(*here.bench.io, [&here] { return here.life.begun(); });
    here.bench.http.reset();
    here.bench.io.reset();
    CHECK_FALSE(answer->ended);
    CHECK(childless());
    CHECK(here.life.ends());
}

TEST_CASE("claims that the service demands are told with the command that gets them")
{
    machine here(says(answer()));
    asked const out = here.ask(cli(), R"({"access_token":{"nbf":{"essential":true}}})");
    CHECK(out.code() == errc::token_refused);
    CHECK(out.cause() == "the service demands what only signing in anew can give: az login --scope "
                         "https://hib.azurehdinsight.net/.default --claims-challenge "
                         "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ==");
    CHECK_FALSE(here.life.begun());
}

TEST_CASE("what az prints: the token and its end")
{
    auto const life = [](string const& output) { return parse(output).value().expires_in(); };
    variable const zone("TZ", "UTC0");
    CHECK(parse(answer()).value().token() == token);
    CHECK(life(answer(R"("expires_on": 1800003600)")) == 3600s);
    CHECK(life(answer(R"("expires_on": "1800003600")")) == 3600s);
    CHECK(life(answer(R"("expiresOn": "2027-01-15 09:00:00.000000")")) == 3600s);
    CHECK(life(answer(R"("expiresOn": "2027-01-15 09:00:00")")) == 3600s);
    CHECK(life(answer(R"("expiresOn": "2027-01-15 09:00:00.5")")) == 3600s);
    CHECK(life(answer(R"("expires_on": 1800003600, "expiresOn": "2001-01-01 00:00:00")")) == 3600s);
    CHECK(life(answer(R"("expiresOn": "2001-01-01 00:00:00", "expires_on": 1800003600)")) == 3600s);
    CHECK(life(answer(R"("expires_on": 1799999999)")) == 0s); // by this machine's clock
    CHECK(life(R"({"accessToken":"t"})") == 600s);
    CHECK(life(R"( {"accessToken":"\u0074", "other": {"accessToken": 5}} )"
               "\n") == 600s);
}

TEST_CASE("one expiry that can be read is enough, whatever az makes of the other")
{
    auto const life = [](string const& output) { return parse(output).value().expires_in(); };
    variable const zone("TZ", "UTC0");
    for (string const odd :
         {"null", "\"\"", "\"soon\"", "{}", "[1]", "true", "\"2027-01-15\"", "\"2027-01-15 09:00:00.\"",
          "\"2027-01-15 09:00:00.x\"", "\"202x-01-15 09:00:00\""}) {
        CAPTURE(odd);
        CHECK(life(answer("\"expires_on\": " + odd + R"(, "expiresOn": "2027-01-15 09:00:00.000000")")) ==
              3600s);
        CHECK(life(answer("\"expiresOn\": " + odd + R"(, "expires_on": 1800003600)")) == 3600s);
        CHECK(life(answer("\"expiresOn\": " + odd + ", \"expires_on\": " + odd)) == 600s);
    }
    CHECK(life(answer(R"("expiresOn": "2027-01-15T09:00:00.000000")")) == 3600s);
    CHECK(life(answer(R"("expiresOn": "2027-01-15T10:00:00+01:00")")) == 3600s);
}

TEST_CASE("warnings, colours and a byte-order mark around the token are no part of it")
{
    string const bom = "\xef\xbb\xbf";
    string const pretty = "{\n  \"accessToken\": \"" + token + "\",\n  \"x\": {\n    \"y\": 1\n  }\n}\n";
    for (string const& output :
         {bom + answer(), "\x1b[0m" + answer() + "\x1b[0m\n", bom + "\x1b[0m\r\n" + answer() + "\r\n",
          "WARNING: You have 2 updates {available}.\n" + answer(),
          "\x1b[33mWARNING: old\x1b[0m\n" + pretty + "\x1b[0m", "{not JSON}\n" + pretty,
          "\x1b[38;5;208mA\x1b[39m\n\n" + bom + pretty, pretty, "{\"level\": \"warning\"}\n" + answer()}) {
        CAPTURE(output);
        auto const out = parse(output);
        REQUIRE(out);
        CHECK(out.value().token() == token);
    }
    CHECK(parse("WARNING: {\n{\"tokenType\": \"Bearer\"}").error().cause() ==
          "the Azure CLI's output has no accessToken");
}

TEST_CASE("az is told to write neither colours nor warnings, whatever the program's own environment says")
{
    machine here("[ \"$AZURE_CORE_NO_COLOR $AZURE_CORE_ONLY_SHOW_ERRORS $HOME\" = \"true true /some/home\" ] "
                 "|| exit 1\n"
                 "env | grep -c '^AZURE_CORE_NO_COLOR=' | grep -qx 1 || exit 2\n" +
                 says(answer()));
    variable const home("HOME", "/some/home");
    for (std::optional<string> const& before : {std::optional<string>(), std::optional<string>("false")}) {
        variable const colours("AZURE_CORE_NO_COLOR", before);
        variable const warnings("AZURE_CORE_ONLY_SHOW_ERRORS", before);
        asked const out = here.ask();
        CAPTURE(out.cause());
        CHECK(out.good());
    }
}

TEST_CASE("expiresOn is in the machine's time zone, summer time included")
{
    auto const life = [](string const& output) { return parse(output).value().expires_in(); };
    variable const zone("TZ", "CET-1CEST,M3.5.0,M10.5.0/3");
    CHECK(life(answer(R"("expiresOn": "2027-01-15 10:00:00.000000")")) == 3600s); // 09:00 UTC
    CHECK(life(answer(R"("expiresOn": "2027-07-15 10:00:00.000000")")) == 181 * 24h);
}

TEST_CASE("what az does not print is no token")
{
    for (string const bad :
         {"", "null", "[]", "{}", "token", R"({"accessToken":null})", R"({"accessToken":""})",
          R"({"accessToken":"a b"})", R"({"accessToken":"a\n"})", R"({"accessToken":7})",
          R"({"accessToken":"t")", R"({"accessToken":"t"} {"accessToken":"t"})",
          R"(WARNING: {"accessToken":"t"})", "{\"accessToken\":\"t\"}\nWARNING: and something behind it"}) {
        CAPTURE(bad);
        auto const out = parse(bad);
        REQUIRE_FALSE(out);
        CHECK(out.error().code() == errc::invalid_token_response);
        CHECK(out.error().cause().find("\"t\"") == string::npos);
    }
}
