// What Entra's refusals mean for whoever has set up the credential: one sentence for each of those that are
// usual.
#ifndef HDIKAFKA_DETAIL_IDENTITY_ENTRA_HINTS_HPP
#define HDIKAFKA_DETAIL_IDENTITY_ENTRA_HINTS_HPP

#include <hdikafka/detail/json/text.hpp>
#include <hdikafka/detail/rest/service_error.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/version.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// For one of the numbers behind AADSTS.
class entra_hint
{
public:
    std::int64_t number;
    std::string_view text;
};

inline constexpr std::string_view clock_hint =
    "the assertion is of another time: is the clock of this machine right?";
inline constexpr std::string_view federation_hint =
    "the application's federated credential and this token differ: compare issuer, subject and audience";
inline constexpr std::string_view person_hint =
    "a policy wants what only a person can give: exempt this application from it";
inline constexpr std::string_view scope_hint =
    "the scope names what this tenant does not know: look at .scope() and the tenant";
inline constexpr std::string_view tenant_hint =
    "there is no such tenant: look at its id, and at the authority's cloud";

inline constexpr std::array entra_hints{
    entra_hint{50034, "there is no such account in this tenant"},
    entra_hint{50059, tenant_hint},
    entra_hint{50076, person_hint},
    entra_hint{50078, person_hint},
    entra_hint{50079, person_hint},
    entra_hint{50105, "the application is not assigned to what the scope names"},
    entra_hint{53000, person_hint},
    entra_hint{53001, person_hint},
    entra_hint{53003, person_hint},
    entra_hint{65001, "nobody has consented to this application's access: an administrator can"},
    entra_hint{70011, "the scope is malformed: it ends in /.default"},
    entra_hint{70021, federation_hint},
    entra_hint{90002, tenant_hint},
    entra_hint{500011, scope_hint},
    entra_hint{700016, "there is no application with this client id in this tenant: one of the two is wrong"},
    entra_hint{700024, clock_hint},
    entra_hint{700027,
               "this certificate is not registered with the application, or has expired: upload it there; "
               "is the clock of this machine right?"},
    entra_hint{700030, "the certificate is registered by its subject's name: .send_certificate_chain(true)"},
    entra_hint{700211, federation_hint},
    entra_hint{700212, federation_hint},
    entra_hint{700213, federation_hint},
    entra_hint{900023, tenant_hint},
    entra_hint{1002012, "the scope is malformed: it ends in /.default"},
    entra_hint{5002730, "this authority takes no PS256: .rs256(true) signs with RS256"},
    entra_hint{7000112, "the application is disabled"},
    entra_hint{7000215,
               "the client secret is wrong: its value is wanted, not its id; one that is new takes a minute"},
    entra_hint{7000222, "the client secret has expired: make another in the application's registration"},
    entra_hint{7000229, "the application has no service principal in this tenant: make one"},
};

/// The number behind the first "AADSTS" in a text, or 0.
inline std::int64_t entra_number(std::string_view text) noexcept
{
    constexpr std::string_view mark = "AADSTS";
    auto const at = text.find(mark);
    std::int64_t out = 0;
    if (at == std::string_view::npos)
        return out;
    for (char const c : text.substr(at + mark.size(), 9)) {
        if (!is_digit(c))
            break;
        out = out * 10 + (c - '0');
    }
    return out;
}

/// Empty where nothing is usual.
inline std::string_view hint_for(diagnostics const& refusal) noexcept
{
    auto const known = [](std::int64_t number) {
        auto const* const at = std::ranges::find(entra_hints, number, &entra_hint::number);
        return at == entra_hints.end() ? std::string_view() : at->text;
    };
    for (std::int64_t const number : refusal.error_codes)
        if (std::string_view const hint = known(number); !hint.empty())
            return hint;
    return known(entra_number(refusal.server_message));
}

/// Whether a server sent a page for people, of which nothing is worth telling.
inline bool is_page(std::string_view words) noexcept
{
    auto const begin = words.find_first_not_of(" \r\n\t");
    return begin != std::string_view::npos && words[begin] == '<';
}

/// A refusal in one line: status, code, and the words as far as they are not for its makers' support alone.
template <class = void>
std::string refusal_in_words(diagnostics const& refusal)
{
    std::string out = "HTTP " + std::to_string(refusal.http_status);
    std::string_view words = refusal.server_message;
    if (is_page(words))
        return out + " with a page of HTML or XML";
    constexpr std::size_t shown = 300;
    words = words.substr(0, words.find("Trace ID:"));
    if (!refusal.server_code.empty())
        out += ", " + refusal.server_code;
    if (!words.empty())
        out += ": " + bounded_message(words, shown);
    out.erase(out.find_last_not_of(" \r\n\t") + 1);
    std::string_view const hint = hint_for(refusal);
    if (!hint.empty())
        out.append(" (").append(hint) += ')';
    return out;
}

/// The same for an answer that is no refusal, such as a redirection or a failure of the service's own.
template <class = void>
std::string failure_in_words(error const& failure, diagnostics const& about)
{
    bool const page = is_page(about.server_message) && failure.code() != errc::redirected;
    return page ? refusal_in_words(about) : failure.cause();
}

} // namespace hdikafka::inline v0_1::detail

#endif
