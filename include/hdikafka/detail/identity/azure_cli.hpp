// The developer's own sign-in: a token from the Azure CLI.
#ifndef HDIKAFKA_DETAIL_IDENTITY_AZURE_CLI_HPP
#define HDIKAFKA_DETAIL_IDENTITY_AZURE_CLI_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/base/base64.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/base/utf8.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/identity/child_process.hpp>
#include <hdikafka/detail/identity/settings.hpp>
#include <hdikafka/detail/identity/token_response.hpp>
#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/detail/rest/service_error.hpp>
#include <hdikafka/detail/run/run.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// "2026-11-22 18:47:09.000000" in this machine's time zone, as seconds since the epoch.
template <class = void>
std::optional<std::int64_t> parse_local_time(std::string_view text)
{
    constexpr std::string_view form = "dddd-dd-dd dd:dd:dd";
    auto const fits = [](char expected, char c) { return expected == 'd' ? is_digit(c) : expected == c; };
    std::string_view const fraction = text.substr(std::min(form.size(), text.size()));
    bool const whole = fraction.empty() || (fraction.size() > 1 && fraction.front() == '.' &&
                                            std::ranges::all_of(fraction.substr(1), is_digit));
    if (!whole || !std::ranges::equal(form, text.substr(0, form.size()), fits))
        return std::nullopt;
    auto const number = [text](std::size_t at, std::size_t size) {
        int out = 0;
        for (char const digit : text.substr(at, size))
            out = out * 10 + (digit - '0');
        return out;
    };
    std::tm parts{};
    parts.tm_year = number(0, 4) - 1900;
    parts.tm_mon = number(5, 2) - 1;
    parts.tm_mday = number(8, 2);
    parts.tm_hour = number(11, 2);
    parts.tm_min = number(14, 2);
    parts.tm_sec = number(17, 2);
    parts.tm_isdst = -1; // whichever is in force then
    std::time_t const seconds = std::mktime(&parts);
    return seconds < 0 ? std::nullopt : std::optional<std::int64_t>(seconds);
}

/// What `az account get-access-token --output json` prints. No error quotes it.
template <class = void>
result<access_token> parse_cli_output(std::string_view output, std::chrono::system_clock::time_point now)
{
    std::string token;
    std::optional<std::int64_t> expires_on;
    std::string expires_at;
    json_reader in(output);
    bool const read = read_object(in, [&](std::string_view name) {
        if (name == "accessToken")
            return read_text(in, token);
        if (name == "expires_on")
            return read_seconds(in, expires_on);
        if (name == "expiresOn")
            return read_text(in, expires_at);
        return in.skip();
    });
    secret const text(std::move(token));
    if (!read || !in.finish())
        return error(errc::invalid_token_response, "the Azure CLI's output is not what it is known to print");
    if (!sendable_token(text.text()))
        return error(errc::invalid_token_response, "the Azure CLI's output has no usable accessToken");
    if (!expires_on && !expires_at.empty()) {
        expires_on = parse_local_time(expires_at);
        if (!expires_on)
            return error(errc::invalid_token_response,
                         "the Azure CLI's output has an expiresOn that is no time");
    }
    std::chrono::seconds life(600);
    if (expires_on)
        life = life_until(*expires_on, now);
    return access_token(text.text(), life);
}

/// What a program complained of, fit for an error: one line, in bounds, and nothing that may be a token.
template <class = void>
std::string one_line(std::string_view complaint)
{
    constexpr std::size_t most = 1'000;
    constexpr std::size_t longest_word = 64; // tokens are longer, ids and most names are not
    bool const readable = valid_utf8(complaint);
    std::string out;
    std::string word; // of the characters that tokens consist of
    auto const end_word = [&] {
        bool const secretive = word.size() > longest_word || word.starts_with("eyJ");
        out += secretive ? "REDACTED" : word;
        word.clear();
    };
    for (char const c : complaint) {
        auto const byte = static_cast<unsigned char>(c);
        bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (letter || is_digit(c) || std::string_view("-._~+=").find(c) != std::string_view::npos) {
            word += c;
            continue;
        }
        end_word();
        if (byte > ' ' && byte != 0x7f)
            out += byte < 0x80 || readable ? c : '?';
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
    }
    end_word();
    out.erase(out.find_last_not_of(' ') + 1);
    return bounded_message(out, most);
}

/// What a run of the Azure CLI came to.
template <class = void>
result<access_token> judge_cli_run(child_report const& run, std::chrono::system_clock::time_point now)
{
    auto const not_installed = [] {
        return error(errc::no_credential, "the Azure CLI is not installed: there is no az in PATH");
    };
    switch (run.end) {
    case child_end::not_supported:
        return error(errc::no_credential, "the Azure CLI is not supported on this platform");
    case child_end::not_started: {
        if (run.code == ENOENT)
            return not_installed();
        constexpr std::array<int, 4> passing{EAGAIN, ENOMEM, EMFILE, ENFILE};
        bool const passes = std::ranges::find(passing, run.code) != passing.end();
        std::error_code const reason(run.code, std::system_category());
        return error(passes ? reason : make_error_code(errc::no_credential),
                     "the Azure CLI cannot be started: " + reason.message());
    }
    case child_end::too_slow: return error(errc::timed_out, "the Azure CLI took too long");
    case child_end::too_much:
        return error(errc::invalid_token_response, "the Azure CLI printed far more than a token");
    case child_end::exited: break;
    }
    // Without an exit code (the program may wait for all of its children itself) the output decides.
    if (run.code <= 0) {
        auto token = parse_cli_output(run.output.text(), now);
        if (token || run.code == 0)
            return token;
    }
    std::string const words = one_line(run.complaint);
    if (run.code == 127)
        return not_installed();
    if (run.complaint.find("az login") != std::string::npos)
        return error(errc::no_credential, "the Azure CLI needs a new sign-in: " + words);
    std::string const how =
        run.code < 0 ? "ended without an exit code" : "exited with " + std::to_string(run.code);
    return error(errc::token_refused, "the Azure CLI " + how + ": " + words);
}

template <class = void>
class azure_cli_source final : public token_source
{
public:
    explicit azure_cli_source(azure_cli_settings settings,
                              std::chrono::milliseconds longest = std::chrono::seconds(13))
        : settings_(std::move(settings)), limits_(longest)
    {}

    task request(operation_ptr op, transport_ptr, std::string const& claims, token_grant& grant) override
    {
        grant.source = "Azure CLI";
        auto checked = check(claims);
        if (!checked)
            co_return checked;
        child_report run;
        auto outcome = co_await run_awaitable<child_report>(op, nullptr, run_child<>(command(), limits_), run,
                                                            "waiting for the Azure CLI");
        if (!outcome)
            co_return outcome;
        auto token = judge_cli_run(run, std::chrono::system_clock::now());
        if (!token)
            co_return token.error();
        grant.token = std::move(token).value();
        co_return outcome;
    }

private:
    /// Whether it can be nothing but a value, whatever reads the command line: on some machines az is a
    /// script.
    static bool plain(std::string_view argument)
    {
        return !argument.empty() && argument.front() != '-' && std::ranges::all_of(argument, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
                   std::string_view(".:/_-").find(c) != std::string_view::npos;
        });
    }

    result<void> check(std::string const& claims) const
    {
        if (!plain(settings_.scope))
            return error(errc::invalid_option,
                         "a scope for the Azure CLI is made of letters, digits, '.', ':', '/', '_' and '-'");
        if (!settings_.tenant.empty() && !plain(settings_.tenant))
            return error(errc::invalid_option,
                         "a tenant for the Azure CLI is made of letters, digits, '.' and '-'");
        if (!claims.empty())
            return error(errc::token_refused,
                         "the service demands what only signing in anew can give: az login --scope " +
                             settings_.scope + " --claims-challenge " +
                             base64_encode(claims, base64_form::standard));
        return result<void>();
    }

    std::vector<std::string> command() const
    {
        std::vector<std::string> out{"az",   "account", "get-access-token", "--output",
                                     "json", "--scope", settings_.scope};
        if (!settings_.tenant.empty()) {
            out.emplace_back("--tenant");
            out.push_back(settings_.tenant);
        }
        return out;
    }

    azure_cli_settings settings_;
    child_limits limits_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
