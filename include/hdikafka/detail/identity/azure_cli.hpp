// The developer's own sign-in: a token from the Azure CLI.
#ifndef HDIKAFKA_DETAIL_IDENTITY_AZURE_CLI_HPP
#define HDIKAFKA_DETAIL_IDENTITY_AZURE_CLI_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/base/base64.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/base/utf8.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/identity/child_process.hpp>
#include <hdikafka/detail/identity/expiry.hpp>
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
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Without the sequences by which a terminal is told colours (ECMA-48), which some programs write to files,
/// too. It never grows: it may hold a token.
template <class = void>
secret without_colours(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        auto const escape = text.find('\x1b');
        out += text.substr(0, escape);
        text.remove_prefix(std::min(escape, text.size()));
        if (text.starts_with("\x1b[")) // to the first letter or the like
            text.remove_prefix(
                std::min(text.find_first_not_of("0123456789;:?<=> !\"#$%&'()*+,-./", 2), text.size()));
        text.remove_prefix(std::min<std::size_t>(1, text.size()));
    }
    return secret(std::move(out));
}

/// Where the next line begins that an object may begin with, behind warnings and the like.
inline std::string_view next_object(std::string_view text) noexcept
{
    for (;;) {
        text = without_byte_order_mark(without_white_space_around(text));
        if (text.empty() || text.front() == '{')
            return text;
        text.remove_prefix(std::min(text.find('\n'), text.size()));
    }
}

/// Whether an object was read, whole and with nothing behind it.
template <class = void>
bool read_cli_object(std::string_view text, issued_token& out)
{
    std::optional<std::int64_t> local; // expiresOn, which is worth less
    json_reader in(text);
    bool const read = read_object(in, [&](std::string_view name) {
        if (name == "accessToken")
            return out.read_token(in);
        if (name == "expires_on")
            return token_life::read_moment(in, out.life.expires_on);
        if (name == "expiresOn")
            return token_life::read_moment(in, local, time_zone::local);
        return in.skip();
    });
    if (!out.life.expires_on)
        out.life.expires_on = local;
    return read && in.finish();
}

/// What `az account get-access-token --output json` prints. No error quotes it.
template <class = void>
result<access_token> parse_cli_output(std::string_view output, std::chrono::system_clock::time_point now)
{
    secret const plain = without_colours(output);
    std::string const from = "the Azure CLI's output";
    std::string_view text = next_object(plain.text());
    while (!text.empty()) {
        issued_token issued;
        if (read_cli_object(text, issued))
            return issued.take(from, "accessToken", now);
        text = next_object(text.substr(std::min(text.find('\n'), text.size())));
    }
    return error(errc::invalid_token_response, from + " is not what it is known to print");
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
        return error(errc::no_credential,
                     "the Azure CLI is not installed: there is no az in PATH (install it "
                     "from https://aka.ms/azure-cli, or add its folder to PATH)");
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
    std::string const words = one_line(without_colours(run.complaint).text());
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
        auto outcome = co_await run_awaitable<child_report>(
            op, nullptr, run_child<>(command(), limits_, quiet()), run, "waiting for the Azure CLI");
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

    /// What keeps az from writing anything but the token where the token is to be.
    static std::vector<std::string> quiet()
    {
        return {"AZURE_CORE_NO_COLOR=true", "AZURE_CORE_ONLY_SHOW_ERRORS=true"};
    }

    azure_cli_settings settings_;
    child_limits limits_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
