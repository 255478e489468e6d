// The pretend authority: who may have a token, and whose tokens are good. Entra's error codes and words are
// imitated as far as programs look at them.
#ifndef HDIKAFKA_DETAIL_EMULATOR_AUTHORITY_HPP
#define HDIKAFKA_DETAIL_EMULATOR_AUTHORITY_HPP

#include <hdikafka/detail/emulator/assertion.hpp>
#include <hdikafka/detail/emulator/federated_assertion.hpp>
#include <hdikafka/detail/emulator/message.hpp>
#include <hdikafka/detail/emulator/options.hpp>
#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/detail/json/reader.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

/// Fills the bytes with randomness.
using emulator_random = std::function<void(std::span<unsigned char>)>;

/// A request on its way to an answer, with what else it takes to make one.
class emulator_visit
{
public:
    emulator_request const& request;
    emulator_time now;
    emulator_random const& random;
};

inline constexpr std::string_view emulator_scope = "https://hib.azurehdinsight.net/.default";

inline std::string random_hex(emulator_random const& random, std::size_t bytes)
{
    std::string raw(bytes, '\0');
    random(std::span(reinterpret_cast<unsigned char*>(raw.data()), raw.size()));
    std::string out;
    out.reserve(2 * bytes);
    for (char const c : raw) {
        out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
        out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

inline std::string random_uuid(emulator_random const& random)
{
    std::string out = random_hex(random, 16);
    out[12] = '4';
    out[16] = "89ab"[static_cast<unsigned char>(out[16]) % 4];
    for (std::size_t const dash : {8U, 13U, 18U, 23U})
        out.insert(dash, 1, '-');
    return out;
}

/// Claims that are asked for are a JSON object (OpenID Connect Core §5.5).
inline bool valid_claims(std::string_view text)
{
    json_reader in(text);
    return in.peek() == json_kind::object && in.skip() && in.finish();
}

/// Why the authority refuses.
class emulator_refusal
{
public:
    int status;
    std::string_view error;
    int code; ///< The number behind AADSTS.
    std::string description;
};

/// What a REST call's token is worth.
enum class emulator_admission : unsigned char
{
    admitted,
    no_token,
    unknown_token,
    expired_token,
    other_claims, ///< The token was not asked for with the claims that are required.
    outside_group,
};

class emulator_authority
{
public:
    explicit emulator_authority(emulator_options options)
        : options_(std::move(options)),
          certificates_(registered(options_)),
          federation_(options_.federated_credentials())
    {}

    emulator_options const& options() const noexcept { return options_; }
    std::string const& required_claims() const noexcept { return required_claims_; }

    std::optional<emulator_refusal> check_tenant(std::string_view tenant) const
    {
        if (equals_ignoring_case(tenant, options_.tenant()))
            return std::nullopt;
        return emulator_refusal{400, "invalid_tenant", 90002,
                                "Tenant '" + std::string(tenant) +
                                    "' not found. Check to make sure you have the correct tenant ID."};
    }

    /// Checks a token request's form in the order in which Entra does. `token_url`: where it was sent.
    std::optional<emulator_refusal> check_request(emulator_pairs const& form, std::string_view token_url,
                                                  emulator_time now) const
    {
        for (std::string_view const name : {"grant_type", "client_id", "scope", "client_secret",
                                            "client_assertion", "client_assertion_type", "claims"})
            if (count(form, name) > 1)
                return emulator_refusal{400, "invalid_request", 9000411,
                                        "The request is not properly formatted. The parameter '" +
                                            std::string(name) + "' is duplicated."};
        auto const grant_type = single_value(form, "grant_type");
        if (!grant_type)
            return missing("grant_type");
        if (*grant_type != "client_credentials")
            return emulator_refusal{400, "unsupported_grant_type", 70003,
                                    "The app requested an unsupported grant type '" +
                                        std::string(*grant_type) + "'."};
        auto const client_id = single_value(form, "client_id");
        if (!client_id)
            return missing("client_id");
        auto const scope = single_value(form, "scope");
        if (!scope)
            return missing("scope");
        if (!equals_ignoring_case(*client_id, options_.client_id()))
            return emulator_refusal{400, "unauthorized_client", 700016,
                                    "Application with identifier '" + std::string(*client_id) +
                                        "' was not found in the directory '" + options_.tenant() + "'."};
        if (*scope != emulator_scope)
            return check_scope(*scope);
        if (auto const claims = single_value(form, "claims"); claims && !valid_claims(*claims))
            return emulator_refusal{400, "invalid_request", 9002313,
                                    "Invalid request. Request is malformed or invalid. (The parameter "
                                    "'claims' is not a JSON object.)"};
        if (auto const assertion = single_value(form, "client_assertion"))
            return check_assertion(form, *assertion, token_url, now);
        auto const secret = single_value(form, "client_secret");
        if (!secret)
            return emulator_refusal{401, "invalid_client", 7000216,
                                    "'client_assertion', 'client_secret' or 'request' is required for the "
                                    "'client_credentials' grant type."};
        if (*secret != options_.client_secret())
            return emulator_refusal{401, "invalid_client", 7000215,
                                    "Invalid client secret provided. Ensure the secret being sent in the "
                                    "request is the client secret value, not the client secret ID."};
        return std::nullopt;
    }

    /// A new token, about as long as Entra's, with the claims that were asked for, if any.
    std::string issue(emulator_time now, emulator_random const& random, std::string_view claims = "")
    {
        std::erase_if(tokens_, [now](auto const& entry) { return entry.second.expiry <= now; });
        if (tokens_.size() >= max_tokens)
            tokens_.erase(tokens_.begin());
        std::string token = random_hex(random, 600);
        tokens_.insert_or_assign(token, issued_token{now + options_.token_lifetime(), std::string(claims)});
        return token;
    }

    emulator_admission admit(std::optional<std::string_view> authorization, emulator_time now) const
    {
        if (!authorization)
            return emulator_admission::no_token;
        std::size_t const blank = authorization->find(' ');
        if (blank == std::string_view::npos ||
            !equals_ignoring_case(authorization->substr(0, blank), "Bearer"))
            return emulator_admission::no_token;
        auto const found = tokens_.find(trim_blanks(authorization->substr(blank)));
        if (found == tokens_.end())
            return emulator_admission::unknown_token;
        if (found->second.expiry <= now)
            return emulator_admission::expired_token;
        if (!required_claims_.empty() && found->second.claims != required_claims_)
            return emulator_admission::other_claims;
        return options_.in_security_group() ? emulator_admission::admitted
                                            : emulator_admission::outside_group;
    }

    /// Refuses every token given out until now.
    void expire_all()
    {
        for (auto& [token, issued] : tokens_)
            issued.expiry = emulator_time::min();
    }

    /// Admits only tokens that were asked for with exactly these claims; any again when they are empty.
    void require_claims(std::string claims) { required_claims_ = std::move(claims); }

    void in_security_group(bool member) { options_.in_security_group(member); }
    void client_secret(std::string secret) { options_.client_secret(std::move(secret)); }

private:
    static constexpr std::size_t max_tokens = 10'000;

    class issued_token
    {
    public:
        emulator_time expiry;
        std::string claims; ///< As they stood in the request.
    };

    static std::vector<registered_certificate> registered(emulator_options const& options)
    {
        auto read = read_registered_certificates(options.client_certificates());
        return read ? std::move(read).value() : std::vector<registered_certificate>(); // see check_options()
    }

    std::optional<emulator_refusal> check_assertion(emulator_pairs const& form, std::string_view assertion,
                                                    std::string_view token_url, emulator_time now) const
    {
        constexpr std::string_view jwt_bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        if (single_value(form, "client_assertion_type") != jwt_bearer)
            return emulator_refusal{400, "invalid_request", 900144,
                                    "The request body must contain the following parameter: "
                                    "'client_assertion_type', which is " +
                                        std::string(jwt_bearer) + "."};
        if (!options_.federated_assertion().empty() && assertion == options_.federated_assertion())
            return std::nullopt;
        auto const refuse = [](int code, std::string description) {
            return emulator_refusal{401, "invalid_client", code, std::move(description)};
        };
        auto const read = read_client_assertion(assertion);
        if (auto const* const fault = std::get_if<assertion_fault>(&read))
            return refuse(fault->code, fault->description);
        auto const& taken_apart = std::get<read_assertion>(read);
        auto const& claims = taken_apart.claims;
        // An application that signs for itself names itself; what another issuer says is a matter of trust.
        bool const own = claims.issuer == options_.client_id() || federation_.empty();
        auto const untrusted =
            own ? verify_certificate(taken_apart, certificates_) : federation_.verify(taken_apart);
        if (untrusted)
            return refuse(untrusted->code, untrusted->description);
        if (own && (claims.issuer != options_.client_id() || claims.subject != options_.client_id()))
            return refuse(700021,
                          "Client assertion application identifier doesn't match 'client_id' parameter.");
        if (own && !claims.is_for(token_url))
            return refuse(700023, "Client assertion audience claim does not match Realm issuer. (It is '" +
                                      claims.audience_text() + "' instead of '" + std::string(token_url) +
                                      "'.)");
        if (auto const fault = judge_assertion_time(claims, now))
            return refuse(fault->code, fault->description);
        return std::nullopt;
    }

    static std::size_t count(emulator_pairs const& form, std::string_view name)
    {
        std::size_t found = 0;
        for (auto const& [key, value] : form)
            found += key == name ? 1 : 0;
        return found;
    }

    static emulator_refusal missing(std::string_view name)
    {
        return emulator_refusal{400, "invalid_request", 900144,
                                "The request body must contain the following parameter: '" +
                                    std::string(name) + "'."};
    }

    static emulator_refusal check_scope(std::string_view scope)
    {
        if (scope.ends_with("/.default") && scope.find(' ') == std::string_view::npos)
            return emulator_refusal{400, "invalid_resource", 500011,
                                    "The resource principal named " +
                                        std::string(scope.substr(0, scope.size() - 9)) +
                                        " was not found in the tenant. (The emulator knows only " +
                                        std::string(emulator_scope) + ".)"};
        return emulator_refusal{400, "invalid_scope", 1002012,
                                "The provided value for scope " + std::string(scope) +
                                    " is not valid. Client credential flows must have a scope value with "
                                    "/.default suffixed to the resource identifier."};
    }

    emulator_options options_; ///< With what has been changed since.
    std::vector<registered_certificate> certificates_;
    emulator_federation federation_;
    std::string required_claims_;
    std::map<std::string, issued_token, std::less<>> tokens_;
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
