// Certificates for servers that a client must trust, and for those that it must not.
#ifndef HDIKAFKA_TESTS_SUPPORT_CERTIFICATES_HPP
#define HDIKAFKA_TESTS_SUPPORT_CERTIFICATES_HPP

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace test {

/// What a server shows.
enum class certificate : unsigned char
{
    good,        ///< For localhost, service.test, 127.0.0.1 and ::1, from the test's authority.
    untrusted,   ///< The same from another authority.
    expired,     ///< The same, until yesterday.
    other_host,  ///< For other.example alone.
    common_name, ///< For nobody; localhost stands in the subject, as it did last century.
    address,     ///< For 127.0.0.1 alone.
    deep,        ///< As good, from an intermediate of the test's authority, which is shown as well.
    early,       ///< As good, from tomorrow on.
};

class certificate_text
{
public:
    std::string pem;
    std::string key_pem;
};

/// Makes certificates; one authority that tests trust and one that they do not, new in each process.
class authorities
{
public:
    static authorities& get()
    {
        static authorities all;
        return all;
    }

    std::string const& trusted_pem() const noexcept { return trusted_.pem; }
    std::string const& untrusted_pem() const noexcept { return untrusted_.pem; }
    std::string const& intermediate_pem() const noexcept { return intermediate_.pem; }

    certificate_text make(certificate which)
    {
        constexpr long day = 24 * 60 * 60;
        char const* const everywhere = "DNS:localhost,DNS:service.test,IP:127.0.0.1,IP:::1";
        switch (which) {
        case certificate::good: return leaf(trusted_, "good", everywhere, day);
        case certificate::untrusted: return leaf(untrusted_, "untrusted", everywhere, day);
        case certificate::expired: return leaf(trusted_, "expired", everywhere, -day);
        case certificate::other_host: return leaf(trusted_, "other", "DNS:other.example", day);
        case certificate::common_name: return leaf(trusted_, "localhost", "", day);
        case certificate::address: return leaf(trusted_, "address", "IP:127.0.0.1", day);
        case certificate::deep: {
            certificate_text text = leaf(intermediate_, "deep", everywhere, day);
            text.pem += intermediate_.pem;
            return text;
        }
        case certificate::early: return leaf(trusted_, "early", everywhere, 2 * day, day);
        }
        throw std::logic_error("no such certificate");
    }

private:
    template <auto Free>
    struct deleter
    {
        template <class T>
        void operator()(T* object) const noexcept
        {
            Free(object);
        }
    };
    using key_ptr = std::unique_ptr<EVP_PKEY, deleter<&EVP_PKEY_free>>;
    using x509_ptr = std::unique_ptr<X509, deleter<&X509_free>>;
    using bio_ptr = std::unique_ptr<BIO, deleter<&BIO_free_all>>;
    using extension_ptr = std::unique_ptr<X509_EXTENSION, deleter<&X509_EXTENSION_free>>;

    struct authority
    {
        key_ptr key;
        x509_ptr certificate;
        std::string pem;
    };

    authorities()
        : trusted_(make_authority("trusted")),
          untrusted_(make_authority("untrusted")),
          intermediate_(make_authority("intermediate", &trusted_))
    {}

    static void check(bool good)
    {
        if (!good)
            throw std::runtime_error("OpenSSL cannot make the test's certificates");
    }

    static void extend(X509* made, X509* issuer, int id, std::string const& value)
    {
        X509V3_CTX context;
        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, issuer, made, nullptr, nullptr, 0);
        extension_ptr const extension(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
        check(extension && X509_add_ext(made, extension.get(), -1) == 1);
    }

    static constexpr long month_ago = -30L * 24 * 60 * 60;

    static x509_ptr blank(EVP_PKEY* key, std::string const& name, long seconds_left, long begin = month_ago)
    {
        static long serial = 0;
        x509_ptr made(X509_new());
        check(made && X509_set_version(made.get(), 2) == 1);
        ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
        X509_gmtime_adj(X509_getm_notBefore(made.get()), begin);
        X509_gmtime_adj(X509_getm_notAfter(made.get()), seconds_left);
        check(X509_set_pubkey(made.get(), key) == 1);
        auto const* const text = reinterpret_cast<unsigned char const*>(name.c_str());
        check(X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8, text, -1, -1,
                                         0) == 1);
        return made;
    }

    /// Its own issuer, unless there is another.
    static authority make_authority(std::string const& name, authority const* issuer = nullptr)
    {
        authority made;
        made.key.reset(EVP_EC_gen("P-256"));
        check(made.key != nullptr);
        constexpr long day = 24 * 60 * 60;
        made.certificate = blank(made.key.get(), "test authority, " + name, day);
        X509* const self = made.certificate.get();
        X509_set_issuer_name(self, X509_get_subject_name(issuer ? issuer->certificate.get() : self));
        extend(self, self, NID_basic_constraints, "critical,CA:TRUE");
        extend(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
        extend(self, self, NID_subject_key_identifier, "hash");
        check(X509_sign(self, issuer ? issuer->key.get() : made.key.get(), EVP_sha256()) != 0);
        made.pem = text_of(self);
        return made;
    }

    static certificate_text leaf(authority const& issuer, std::string const& name, std::string const& names,
                                 long seconds_left, long begin = month_ago)
    {
        key_ptr const key(EVP_EC_gen("P-256"));
        check(key != nullptr);
        x509_ptr const made = blank(key.get(), name, seconds_left, begin);
        X509_set_issuer_name(made.get(), X509_get_subject_name(issuer.certificate.get()));
        extend(made.get(), issuer.certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
        if (!names.empty())
            extend(made.get(), issuer.certificate.get(), NID_subject_alt_name, names);
        check(X509_sign(made.get(), issuer.key.get(), EVP_sha256()) != 0);

        bio_ptr const out(BIO_new(BIO_s_mem()));
        check(PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
              1);
        certificate_text text;
        text.pem = text_of(made.get());
        text.key_pem = text_of(out.get());
        return text;
    }

    static std::string text_of(X509* from)
    {
        bio_ptr const out(BIO_new(BIO_s_mem()));
        check(PEM_write_bio_X509(out.get(), from) == 1);
        return text_of(out.get());
    }

    static std::string text_of(BIO* from)
    {
        char* data = nullptr;
        long const size = BIO_get_mem_data(from, &data);
        return std::string(data, static_cast<std::size_t>(size));
    }

    authority trusted_;
    authority untrusted_;
    authority intermediate_;
};

} // namespace test

#endif
