// The token by which a client proves that it has its certificate's key: a JWT (RFC 7519) as Entra wants it.
#ifndef HDIKAFKA_DETAIL_IDENTITY_ASSERTION_HPP
#define HDIKAFKA_DETAIL_IDENTITY_ASSERTION_HPP

#include <hdikafka/detail/base/base64.hpp>
#include <hdikafka/detail/base/openssl_handle.hpp>
#include <hdikafka/detail/identity/certificate.hpp>
#include <hdikafka/detail/json/writer.hpp>
#include <hdikafka/result.hpp>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// How an assertion is signed (RFC 7518 §3), and by which of its digests it names the certificate.
enum class assertion_algorithm : unsigned char
{
    ps256, ///< With `x5t#S256`.
    rs256, ///< With `x5t`, for authorities that know nothing newer, like AD FS.
};

class assertion_claims
{
public:
    assertion_claims(std::string token_url, std::string client, std::string unique_id,
                     std::chrono::system_clock::time_point at)
        : audience(std::move(token_url)), client_id(std::move(client)), id(std::move(unique_id)), now(at)
    {}

    std::string audience;                      ///< `aud`: the URL that the assertion is sent to.
    std::string client_id;                     ///< `iss` and `sub`.
    std::string id;                            ///< `jti`: a new UUID for each.
    std::chrono::system_clock::time_point now; ///< `nbf` and `iat`; `exp` is ten minutes later.
};

/// What an authority may want otherwise than by default.
class assertion_form
{
public:
    assertion_form() = default;
    explicit assertion_form(assertion_algorithm sign_with, bool with_chain = false)
        : algorithm(sign_with), whole_chain(with_chain)
    {}

    assertion_algorithm algorithm = assertion_algorithm::ps256;
    bool whole_chain = false; ///< As `x5c`: for a registration by subject and issuer instead of thumbprint.
};

inline error signing_fault()
{
    return error(errc::invalid_option, "the client certificate's key cannot sign: " + take_openssl_reason());
}

template <class = void>
result<std::string> assertion_header(client_certificate const& certificate, assertion_form const& form)
{
    bool const newer = form.algorithm == assertion_algorithm::ps256;
    std::string const thumbprint = digest_of(certificate.chain.front(), newer ? EVP_sha256() : EVP_sha1());
    if (thumbprint.empty())
        return signing_fault();
    std::string out =
        newer ? R"({"alg":"PS256","typ":"JWT","x5t#S256":")" : R"({"alg":"RS256","typ":"JWT","x5t":")";
    out += base64_encode(thumbprint, base64_form::url);
    out += '"';
    if (form.whole_chain) {
        out += R"(,"x5c":)";
        char before = '[';
        for (auto const& der : certificate.chain) {
            out += before;
            out += '"';
            out += base64_encode(der, base64_form::standard);
            out += '"';
            before = ',';
        }
        out += ']';
    }
    out += '}';
    return out;
}

template <class = void>
result<std::string> assertion_body(assertion_claims const& claims)
{
    auto const now = std::chrono::floor<std::chrono::seconds>(claims.now.time_since_epoch()).count();
    std::string out = R"({"aud":)";
    bool written = append_json_string(out, claims.audience);
    for (std::string_view const name : {R"(,"iss":)", R"(,"sub":)"}) {
        out += name;
        written = append_json_string(out, claims.client_id) && written;
    }
    out += R"(,"jti":)";
    written = append_json_string(out, claims.id) && written;
    if (!written)
        return error(errc::invalid_utf8, "a claim of the client assertion is not UTF-8");
    out += R"(,"nbf":)";
    append_json_integer(out, now);
    out += R"(,"iat":)";
    append_json_integer(out, now);
    out += R"(,"exp":)";
    append_json_integer(out, now + 600);
    out += '}';
    return out;
}

/// The signature of RFC 7518 §3.3 (RS256) or §3.5 (PS256: as much salt as digest, MGF1 with SHA-256).
template <class = void>
result<std::string> sign_assertion(EVP_PKEY* key, assertion_algorithm algorithm, std::string_view text)
{
    digest_context_ptr const context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* settings = nullptr; // the context's own
    if (!context || EVP_DigestSignInit(context.get(), &settings, EVP_sha256(), nullptr, key) != 1)
        return signing_fault();
    if (algorithm == assertion_algorithm::ps256 &&
        (EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) != 1 ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) != 1 ||
         EVP_PKEY_CTX_set_rsa_mgf1_md(settings, EVP_sha256()) != 1))
        return signing_fault();
    auto const* const bytes = reinterpret_cast<unsigned char const*>(text.data());
    std::size_t size = 0;
    if (EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1)
        return signing_fault();
    std::string out(size, '\0');
    if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes,
                       text.size()) != 1)
        return signing_fault();
    out.resize(size);
    return out;
}

/// For the request's `client_assertion`. Whoever has it is the client for ten minutes: it is a secret.
template <class = void>
result<std::string> make_client_assertion(client_certificate const& certificate,
                                          assertion_claims const& claims, assertion_form const& form = {})
{
    openssl_errors const none_left;
    auto header = assertion_header(certificate, form);
    if (!header)
        return header;
    auto body = assertion_body(claims);
    if (!body)
        return body;
    std::string out =
        base64_encode(header.value(), base64_form::url) + '.' + base64_encode(body.value(), base64_form::url);
    auto signature = sign_assertion(certificate.key.get(), form.algorithm, out);
    if (!signature)
        return signature;
    out += '.';
    out += base64_encode(signature.value(), base64_form::url);
    return out;
}

} // namespace hdikafka::inline v0_1::detail

#endif
