// The authority's side of a client assertion: whose certificate signed it, and what it claims. Entra's error
// codes and words are imitated as far as programs look at them.
#ifndef HDIKAFKA_DETAIL_EMULATOR_ASSERTION_HPP
#define HDIKAFKA_DETAIL_EMULATOR_ASSERTION_HPP

#include <hdikafka/detail/base/base64.hpp>
#include <hdikafka/detail/base/openssl_handle.hpp>
#include <hdikafka/detail/emulator/options.hpp>
#include <hdikafka/detail/json/values.hpp>
#include <hdikafka/result.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

/// Why an assertion is refused: with status 401 and the error `invalid_client`.
class assertion_fault
{
public:
    int code; ///< The number behind AADSTS.
    std::string description;
};

/// What an assertion says that is signed as it should be. Whether that is true, and when, is for the caller
/// to judge.
class verified_assertion
{
public:
    std::vector<std::string> audiences; ///< One or more: `aud` may be a list (RFC 7519 §4.1.3).
    std::string issuer;
    std::string subject;
    std::string id;                         ///< Empty when there is none.
    std::optional<std::int64_t> not_before; ///< Seconds since 1970, like expires.
    std::int64_t expires = 0;

    bool is_for(std::string_view audience) const
    {
        return std::ranges::find(audiences, audience) != audiences.end();
    }
    /// For messages: the audience, or all of them.
    std::string audience_text() const
    {
        std::string out;
        for (auto const& each : audiences)
            out += (out.empty() ? "" : ", ") + each;
        return out;
    }
};

/// A certificate that the app registration knows: what the portal calls "Certificates & secrets".
class registered_certificate
{
public:
    pkey_ptr key; ///< Public, RSA.
    std::string der;
    std::string sha1;   ///< Of der, 20 bytes.
    std::string sha256; ///< Of der, 32 bytes.
};

/// Reads all certificates of a PEM text; private keys between them are passed over.
template <class = void>
result<std::vector<registered_certificate>> read_registered_certificates(std::string_view pem)
{
    auto const refused = [](char const* why) {
        ERR_clear_error();
        return error(errc::invalid_option, std::string("a client's certificates: ") + why);
    };
    ERR_clear_error();
    std::vector<registered_certificate> out;
    bio_ptr const in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    while (x509_ptr const read{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)}) {
        registered_certificate& made = out.emplace_back();
        made.key = pkey_ptr(X509_get_pubkey(read.get()));
        if (!made.key || EVP_PKEY_get_base_id(made.key.get()) != EVP_PKEY_RSA)
            return refused("one is not for RSA");
        made.der = certificate_der(read.get());
        made.sha1 = digest_of(made.der, EVP_sha1());
        made.sha256 = digest_of(made.der, EVP_sha256());
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return refused("one is damaged");
    if (out.empty())
        return refused("there is none in the text");
    ERR_clear_error();
    return out;
}

/// An assertion's header, decoded.
class assertion_head
{
public:
    std::string algorithm;
    std::string key_id;                ///< `kid`; empty when there is none.
    std::optional<std::string> sha1;   ///< `x5t`, 20 bytes.
    std::optional<std::string> sha256; ///< `x5t#S256`, 32 bytes.
    std::optional<std::string> leaf;   ///< The first of `x5c`, DER.
    bool critical = false;             ///< There is `crit`, all of which the reader must know.
};

template <class = void>
bool read_thumbprint(json_reader& in, std::optional<std::string>& out, std::size_t size)
{
    std::string text;
    if (!read_text(in, text))
        return false;
    if (text.ends_with('=')) // from Python's MSAL, and Entra does not mind
        text.pop_back();
    out = base64_decode(text, base64_form::url);
    return out && out->size() == size;
}

/// Reads a list of certificates, each of which has to be one.
template <class = void>
bool read_certificates(json_reader& in, std::optional<std::string>& leaf)
{
    leaf.reset();
    return read_array(in,
                      [&] {
                          std::string text;
                          if (!read_text(in, text))
                              return false;
                          std::erase(text, '\n'); // Python's MSAL takes them out of PEM as they are
                          auto der = base64_decode(text, base64_form::standard);
                          if (!der)
                              return false;
                          auto const* at = reinterpret_cast<unsigned char const*>(der->data());
                          auto const* const end = at + der->size();
                          x509_ptr const certificate(d2i_X509(nullptr, &at, static_cast<long>(der->size())));
                          ERR_clear_error();
                          if (!certificate || at != end)
                              return false;
                          if (!leaf)
                              leaf = std::move(der);
                          return true;
                      }) &&
           leaf;
}

template <class = void>
std::optional<assertion_head> read_assertion_head(std::string_view json)
{
    assertion_head out;
    json_reader in(json);
    bool const read = read_object(in, [&](std::string_view name) {
        if (name == "alg")
            return read_text(in, out.algorithm);
        if (name == "kid")
            return read_text(in, out.key_id);
        if (name == "x5t")
            return read_thumbprint(in, out.sha1, 20);
        if (name == "x5t#S256")
            return read_thumbprint(in, out.sha256, 32);
        if (name == "x5c")
            return read_certificates(in, out.leaf);
        out.critical = out.critical || name == "crit";
        return in.skip();
    });
    return read && in.finish() ? std::optional(std::move(out)) : std::nullopt;
}

/// Reads a text, or a list of texts.
template <class = void>
bool read_audiences(json_reader& in, std::vector<std::string>& out)
{
    out.clear();
    auto const read_one = [&] { return read_text(in, out.emplace_back()) && !out.back().empty(); };
    return (in.peek() == json_kind::array ? read_array(in, read_one) : read_one()) && !out.empty();
}

/// Reads a time, whose fraction is passed over: Python's MSAL sends one (RFC 7519 §2, NumericDate).
template <class = void>
bool read_time(json_reader& in, std::optional<std::int64_t>& out)
{
    std::string_view text;
    if (in.peek() != json_kind::number || !in.value(text) ||
        text.find_first_of("eE") != std::string_view::npos)
        return false;
    std::size_t const whole = std::min(text.find('.'), text.size());
    std::int64_t& time = out.emplace();
    auto const [end, fault] = std::from_chars(text.data(), text.data() + whole, time);
    return fault == std::errc() && end == text.data() + whole;
}

template <class = void>
std::optional<verified_assertion> read_assertion_claims(std::string_view json)
{
    verified_assertion out;
    std::optional<std::int64_t> expires;
    json_reader in(json);
    bool const read = read_object(in, [&](std::string_view name) {
        if (name == "aud")
            return read_audiences(in, out.audiences);
        if (name == "iss")
            return read_text(in, out.issuer);
        if (name == "sub")
            return read_text(in, out.subject);
        if (name == "jti")
            return read_text(in, out.id);
        if (name == "nbf")
            return read_time(in, out.not_before);
        if (name == "exp")
            return read_time(in, expires);
        return in.skip();
    });
    bool const whole = read && in.finish() && expires && !out.audiences.empty() && !out.issuer.empty() &&
                       !out.subject.empty();
    if (!whole)
        return std::nullopt;
    out.expires = *expires;
    return out;
}

/// Verifies RS256, or PS256 with as much salt as digest.
template <class = void>
bool signed_with(EVP_PKEY* key, bool pss, std::string_view text, std::string_view signature)
{
    digest_context_ptr const context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* settings = nullptr; // the context's own
    auto const bytes = [](std::string_view of) { return reinterpret_cast<unsigned char const*>(of.data()); };
    bool const good =
        context && EVP_DigestVerifyInit(context.get(), &settings, EVP_sha256(), nullptr, key) == 1 &&
        (!pss || (EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) == 1 &&
                  EVP_PKEY_CTX_set_rsa_mgf1_md(settings, EVP_sha256()) == 1)) &&
        EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text), text.size()) == 1;
    ERR_clear_error();
    return good;
}

/// A JWT taken apart, and nothing of it verified.
class read_assertion
{
public:
    assertion_head head;
    verified_assertion claims; ///< If it turns out to be.
    std::string_view text;     ///< What is signed.
    std::string signature;
};

inline assertion_fault malformed_assertion(std::string_view why)
{
    return assertion_fault{50027, "JWT token is invalid or malformed. (" + std::string(why) + ")"};
}

template <class = void>
std::variant<read_assertion, assertion_fault> read_client_assertion(std::string_view jwt)
{
    auto const first = jwt.find('.');
    auto const second = jwt.find('.', first == std::string_view::npos ? first : first + 1);
    if (second == std::string_view::npos)
        return malformed_assertion("It is not three parts with dots between them.");
    auto const header_json = base64_decode(jwt.substr(0, first), base64_form::url);
    auto const claims_json = base64_decode(jwt.substr(first + 1, second - first - 1), base64_form::url);
    auto signature = base64_decode(jwt.substr(second + 1), base64_form::url);
    if (!header_json || !claims_json || !signature)
        return malformed_assertion("A part is not base64url without padding.");
    auto head = read_assertion_head(*header_json);
    if (!head)
        return malformed_assertion("The header is not the JSON that it should be.");
    auto claims = read_assertion_claims(*claims_json);
    if (!claims)
        return malformed_assertion("The claims are not JSON with aud, iss, sub and exp.");
    return read_assertion{std::move(*head), std::move(*claims), jwt.substr(0, second), std::move(*signature)};
}

/// Verifies an assertion's signature with the certificate that its header names.
template <class = void>
std::optional<assertion_fault> verify_certificate(read_assertion const& assertion,
                                                  std::vector<registered_certificate> const& registered)
{
    auto const& head = assertion.head;
    bool const pss = head.algorithm == "PS256";
    if (head.critical || (!pss && head.algorithm != "RS256"))
        return malformed_assertion(
            "The header asks for what the emulator does not know: it takes PS256 and RS256.");
    if (!head.sha1 && !head.sha256)
        return malformed_assertion(
            "No certificate SHA-1 thumbprint or certificate SHA-256 thumbprint is in the header.");

    auto const known = std::ranges::find_if(registered, [&head](registered_certificate const& each) {
        return head.sha1.value_or(each.sha1) == each.sha1 && head.sha256.value_or(each.sha256) == each.sha256;
    });
    if (known == registered.end())
        return assertion_fault{700027,
                               "The certificate with identifier used to sign the client assertion is not "
                               "registered on application. [Reason - The key was not found.]"};
    if (head.leaf.value_or(known->der) != known->der)
        return assertion_fault{
            700027, "Client assertion failed signature validation. (The first certificate of x5c is not "
                    "the one of the thumbprint.)"};
    if (!signed_with(known->key.get(), pss, assertion.text, assertion.signature))
        return assertion_fault{700027, "Client assertion failed signature validation."};
    return std::nullopt;
}

/// Both for a client's JWT.
template <class = void>
std::variant<verified_assertion, assertion_fault>
verify_client_assertion(std::string_view jwt, std::vector<registered_certificate> const& registered)
{
    auto read = read_client_assertion(jwt);
    if (auto* const fault = std::get_if<assertion_fault>(&read))
        return std::move(*fault);
    auto& assertion = std::get<read_assertion>(read);
    if (auto fault = verify_certificate(assertion, registered))
        return std::move(*fault);
    return std::move(assertion.claims);
}

/// Judges the time, with the five minutes that Entra grants to clocks.
inline std::optional<assertion_fault> judge_assertion_time(verified_assertion const& claims,
                                                           emulator_time now)
{
    constexpr std::int64_t skew = 300;
    std::int64_t const seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    bool const early = claims.not_before && *claims.not_before > seconds + skew;
    if (!early && claims.expires > seconds - skew)
        return std::nullopt;
    return assertion_fault{700024, "Client assertion is not within its valid time range. (Current time: " +
                                       std::to_string(seconds) + ", valid from " +
                                       (claims.not_before ? std::to_string(*claims.not_before) : "any") +
                                       " until " + std::to_string(claims.expires) + ".)"};
}

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
