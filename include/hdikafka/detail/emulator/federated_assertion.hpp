// The authority's side of a federated assertion: whether an issuer that the application trusts signed it, and
// about whom. Entra's error codes and words are imitated as far as programs look at them.
#ifndef HDIKAFKA_DETAIL_EMULATOR_FEDERATED_ASSERTION_HPP
#define HDIKAFKA_DETAIL_EMULATOR_FEDERATED_ASSERTION_HPP

#include <hdikafka/detail/emulator/assertion.hpp>
#include <hdikafka/detail/emulator/options.hpp>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

using bignum_ptr = openssl_handle<BIGNUM, &BN_free>;
using param_builder_ptr = openssl_handle<OSSL_PARAM_BLD, &OSSL_PARAM_BLD_free>;
using params_ptr = openssl_handle<OSSL_PARAM, &OSSL_PARAM_free>;
using pkey_context_ptr = openssl_handle<EVP_PKEY_CTX, &EVP_PKEY_CTX_free>;

/// One of the keys that an issuer signs with.
class federated_key
{
public:
    std::string id; ///< `kid`; empty when it has none, as in PEM.
    pkey_ptr key;   ///< Public, RSA.
};

/// Null when the numbers, big-endian, are no key.
template <class = void>
pkey_ptr rsa_public_key(std::string_view modulus, std::string_view exponent)
{
    auto const number = [](std::string_view bytes) {
        return bignum_ptr(BN_bin2bn(reinterpret_cast<unsigned char const*>(bytes.data()),
                                    static_cast<int>(bytes.size()), nullptr));
    };
    bignum_ptr const n = number(modulus);
    bignum_ptr const e = number(exponent);
    param_builder_ptr const builder(OSSL_PARAM_BLD_new());
    pkey_context_ptr const context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* made = nullptr;
    if (!n || !e || !builder || !context || BN_is_zero(n.get()) == 1 || BN_is_zero(e.get()) == 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
        return {};
    params_ptr const params(OSSL_PARAM_BLD_to_param(builder.get()));
    if (!params || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
        return {};
    return pkey_ptr(made);
}

/// One key of a set: RSA, or none of ours.
template <class = void>
bool read_web_key(json_reader& in, std::vector<federated_key>& out)
{
    std::string kind;
    std::string id;
    std::string modulus;
    std::string exponent;
    bool const read = read_object(in, [&](std::string_view name) {
        if (name == "kty")
            return read_text(in, kind);
        if (name == "kid")
            return read_text(in, id);
        if (name == "n")
            return read_text(in, modulus);
        if (name == "e")
            return read_text(in, exponent);
        return in.skip();
    });
    if (!read || kind != "RSA")
        return read;
    auto const n = base64_decode(modulus, base64_form::url);
    auto const e = base64_decode(exponent, base64_form::url);
    if (!n || !e)
        return false;
    federated_key& made = out.emplace_back();
    made.id = std::move(id);
    made.key = rsa_public_key(*n, *e);
    return bool(made.key);
}

template <class = void>
bool read_web_keys(std::string_view json, std::vector<federated_key>& out)
{
    json_reader in(json);
    return read_object(in,
                       [&](std::string_view name) {
                           return name == "keys" ? read_array(in, [&] { return read_web_key(in, out); })
                                                 : in.skip();
                       }) &&
           in.finish();
}

/// Null when the block of that name holds no key.
template <class = void>
pkey_ptr public_key_of(std::string_view name, unsigned char const* der, long size)
{
    if (name == PEM_STRING_PUBLIC)
        return pkey_ptr(d2i_PUBKEY(nullptr, &der, size));
    x509_ptr const certificate(d2i_X509(nullptr, &der, size));
    return certificate ? pkey_ptr(X509_get_pubkey(certificate.get())) : pkey_ptr();
}

/// Public keys and certificates; anything else between them is passed over.
template <class = void>
bool read_pem_keys(std::string_view pem, std::vector<federated_key>& out)
{
    bio_ptr const in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* der = nullptr;
    long size = 0;
    bool good = true;
    while (good && PEM_read_bio(in.get(), &name, &header, &der, &size) == 1) {
        if (std::string_view const kind = name; kind == PEM_STRING_PUBLIC || kind == PEM_STRING_X509) {
            pkey_ptr& key = out.emplace_back().key;
            key = public_key_of(kind, der, size);
            good = key && EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA;
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    return good && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

/// A JSON Web Key Set, or PEM text.
template <class = void>
result<std::vector<federated_key>> read_federated_keys(std::string_view text)
{
    std::vector<federated_key> out;
    ERR_clear_error();
    bool const is_json = json_reader(text).peek() == json_kind::object;
    bool const read = is_json ? read_web_keys(text, out) : read_pem_keys(text, out);
    ERR_clear_error();
    if (!read)
        return error(errc::invalid_option,
                     is_json ? "a federated credential's keys: the set is damaged"
                             : "a federated credential's keys: one is damaged or not for RSA");
    if (out.empty())
        return error(errc::invalid_option,
                     "a federated credential's keys: there is none for RSA in the text");
    return out;
}

/// The federated credentials of the application.
class emulator_federation
{
public:
    /// What cannot be read is left out: see check_options().
    explicit emulator_federation(std::vector<emulator_federated_credential> const& credentials)
    {
        for (auto const& each : credentials)
            if (auto keys = read_federated_keys(each.keys()))
                list_.push_back(trusted{each, std::move(keys).value()});
    }

    bool empty() const noexcept { return list_.empty(); }

    /// Why an assertion is refused, its time aside.
    std::optional<assertion_fault> verify(read_assertion const& assertion) const
    {
        auto const& head = assertion.head;
        auto const& claims = assertion.claims;
        if (head.critical || head.algorithm != "RS256")
            return malformed_assertion(
                "A federated assertion is signed with RS256, and its header has no crit.");
        auto candidates = list_of([&](auto const& each) { return each.issuer() == claims.issuer; });
        if (candidates.empty())
            return no_match(700211, "issuer", claims.issuer);
        narrow(candidates, [&](auto const& each) { return each.subject() == claims.subject; });
        if (candidates.empty())
            return no_match(700213, "subject", claims.subject);
        narrow(candidates, [&](auto const& each) { return claims.is_for(each.audience()); });
        if (candidates.empty())
            return no_match(700212, "audience", claims.audience_text());
        bool found = false;
        for (trusted const* const each : candidates)
            for (federated_key const& key : each->keys) {
                if (!key.id.empty() && !head.key_id.empty() && key.id != head.key_id)
                    continue;
                found = true;
                if (signed_with(key.key.get(), false, assertion.text, assertion.signature))
                    return std::nullopt;
            }
        return assertion_fault{50013, std::string("Assertion failed signature validation.") +
                                          (found ? "" : " [Reason - The key was not found.]")};
    }

private:
    class trusted
    {
    public:
        emulator_federated_credential credential;
        std::vector<federated_key> keys;
    };

    template <class Predicate>
    std::vector<trusted const*> list_of(Predicate good) const
    {
        std::vector<trusted const*> out;
        for (auto const& each : list_)
            if (good(each.credential))
                out.push_back(&each);
        return out;
    }

    template <class Predicate>
    static void narrow(std::vector<trusted const*>& list, Predicate good)
    {
        std::erase_if(list, [&good](trusted const* each) { return !good(each->credential); });
    }

    static assertion_fault no_match(int code, std::string_view what, std::string_view presented)
    {
        return assertion_fault{code, "No matching federated identity record found for presented assertion " +
                                         std::string(what) + " '" + std::string(presented) + "'."};
    }

    std::vector<trusted> list_;
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
