// A certificate authority for one run of the emulator, and a certificate for localhost from it.
#ifndef HDIKAFKA_DETAIL_EMULATOR_CERTIFICATE_HPP
#define HDIKAFKA_DETAIL_EMULATOR_CERTIFICATE_HPP

#include <hdikafka/detail/base/openssl_handle.hpp>
#include <hdikafka/result.hpp>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

class emulator_certificate
{
public:
    std::string ca_pem;
    std::string chain_pem; ///< The leaf; its authority is for the client to know.
    std::string key_pem;
};

/// Makes certificates with one deadline and one kind of key: EC P-256, valid from a day ago (clocks
/// differ) for a year.
class certificate_maker
{
public:
    using key = pkey_ptr;
    using certificate = x509_ptr;
    using extension = openssl_handle<X509_EXTENSION, &X509_EXTENSION_free>;

    static key make_key() { return key(EVP_EC_gen("P-256")); }

    /// A certificate for `subject`, signed by `issuer` (itself when there is none).
    static certificate make(std::string const& subject, EVP_PKEY* subject_key, X509* issuer,
                            EVP_PKEY* issuer_key, std::vector<std::pair<int, std::string>> const& extensions)
    {
        certificate made(X509_new());
        if (!made || !X509_set_version(made.get(), X509_VERSION_3) || !set_serial(made.get()))
            return {};
        constexpr long day = 24 * 60 * 60;
        X509_NAME* const name = X509_get_subject_name(made.get());
        auto const* const text = reinterpret_cast<unsigned char const*>(subject.c_str());
        bool const filled =
            X509_gmtime_adj(X509_getm_notBefore(made.get()), -day) != nullptr &&
            X509_gmtime_adj(X509_getm_notAfter(made.get()), 365 * day) != nullptr &&
            X509_set_pubkey(made.get(), subject_key) == 1 &&
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1 &&
            X509_set_issuer_name(made.get(), issuer ? X509_get_subject_name(issuer) : name) == 1;
        if (!filled)
            return {};
        X509V3_CTX context;
        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, issuer ? issuer : made.get(), made.get(), nullptr, nullptr, 0);
        for (auto const& [id, value] : extensions) {
            extension const made_extension(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
            if (!made_extension || X509_add_ext(made.get(), made_extension.get(), -1) != 1)
                return {};
        }
        if (X509_sign(made.get(), issuer_key, EVP_sha256()) == 0)
            return {};
        return made;
    }

    static std::string pem(X509* from)
    {
        return written([from](BIO* out) { return PEM_write_bio_X509(out, from); });
    }

    static std::string pem(EVP_PKEY* from)
    {
        return written([from](BIO* out) {
            return PEM_write_bio_PKCS8PrivateKey(out, from, nullptr, nullptr, 0, nullptr, nullptr);
        });
    }

private:
    /// 64 random bits, positive.
    static bool set_serial(X509* made)
    {
        std::uint64_t serial = 0;
        if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1)
            return false;
        return ASN1_INTEGER_set_uint64(X509_get_serialNumber(made), serial >> 1 | 1) == 1;
    }

    template <class Write>
    static std::string written(Write write)
    {
        bio_ptr const out(BIO_new(BIO_s_mem()));
        if (!out || write(out.get()) != 1)
            return {};
        char* data = nullptr;
        long const size = BIO_get_mem_data(out.get(), &data);
        return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
    }
};

/// A new authority and a certificate for localhost, 127.0.0.1, ::1 and the names and addresses given.
inline result<emulator_certificate> make_emulator_certificate(std::vector<std::string> const& dns_names,
                                                              std::vector<std::string> const& addresses)
{
    std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";
    for (auto const& name : dns_names) {
        // X509V3_EXT_conf_nid takes the list as text: nothing may end an entry and begin another.
        if (name.empty() || name.find_first_of(" ,;:@\"\r\n") != std::string::npos)
            return error(errc::invalid_option, "'" + name + "' cannot be a certificate's host name");
        names += ",DNS:" + name;
    }
    for (auto const& address : addresses)
        names += ",IP:" + address;

    using maker = certificate_maker;
    auto const failed = [] {
        return error(errc::tls_failed, "the emulator's certificate could not be made");
    };
    auto const ca_key = maker::make_key();
    auto const leaf_key = maker::make_key();
    if (!ca_key || !leaf_key)
        return failed();
    auto const ca = maker::make("hdikafka emulator authority", ca_key.get(), nullptr, ca_key.get(),
                                {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                 {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                 {NID_subject_key_identifier, "hash"}});
    if (!ca)
        return failed();
    auto const leaf = maker::make("hdikafka emulator", leaf_key.get(), ca.get(), ca_key.get(),
                                  {{NID_basic_constraints, "critical,CA:FALSE"},
                                   {NID_key_usage, "critical,digitalSignature"},
                                   {NID_ext_key_usage, "serverAuth"},
                                   {NID_subject_key_identifier, "hash"},
                                   {NID_authority_key_identifier, "keyid:always"},
                                   {NID_subject_alt_name, names}});
    if (!leaf)
        return failed();
    emulator_certificate out;
    out.ca_pem = maker::pem(ca.get());
    out.chain_pem = maker::pem(leaf.get());
    out.key_pem = maker::pem(leaf_key.get());
    if (out.ca_pem.empty() || out.chain_pem.empty() || out.key_pem.empty())
        return failed();
    return out;
}

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
