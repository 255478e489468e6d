// Certificates by which a client says who it is, as files of every kind hold them.
#ifndef HDIKAFKA_TESTS_SUPPORT_CLIENT_CERTIFICATES_HPP
#define HDIKAFKA_TESTS_SUPPORT_CLIENT_CERTIFICATES_HPP

#include <hdikafka/detail/emulator/certificate.hpp>

#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

using key_ptr = hdikafka::detail::emulation::certificate_maker::key;
using certificate_ptr = hdikafka::detail::emulation::certificate_maker::certificate;

inline void check_made(bool good)
{
    if (!good)
        throw std::runtime_error("OpenSSL cannot make the test's client certificates");
}

inline std::string pem_of(X509* from) { return hdikafka::detail::emulation::certificate_maker::pem(from); }
inline std::string pem_of(EVP_PKEY* from)
{
    return hdikafka::detail::emulation::certificate_maker::pem(from);
}

inline std::string der_of(X509* from)
{
    unsigned char* der = nullptr;
    int const size = i2d_X509(from, &der);
    check_made(size > 0);
    std::string out(reinterpret_cast<char const*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return out;
}

template <class Write>
std::string written(Write write)
{
    hdikafka::detail::bio_ptr const out(BIO_new(BIO_s_mem()));
    check_made(write(out.get()) == 1);
    char* data = nullptr;
    long const size = BIO_get_mem_data(out.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
}

/// PKCS#8, encrypted.
inline std::string encrypted_pem(EVP_PKEY* key, std::string const& passphrase,
                                 EVP_CIPHER const* cipher = EVP_aes_256_cbc())
{
    return written([&](BIO* out) {
        return PEM_write_bio_PKCS8PrivateKey(out, key, cipher, passphrase.data(),
                                             static_cast<int>(passphrase.size()), nullptr, nullptr);
    });
}

/// "BEGIN RSA PRIVATE KEY", as programs wrote it before PKCS#8; encrypted where there is a passphrase.
inline std::string traditional_pem(EVP_PKEY* key, std::string const& passphrase = {},
                                   EVP_CIPHER const* cipher = EVP_aes_128_cbc())
{
    auto const* const text = reinterpret_cast<unsigned char const*>(passphrase.data());
    return written([&](BIO* out) {
        return PEM_write_bio_PrivateKey_traditional(out, key, passphrase.empty() ? nullptr : cipher, text,
                                                    static_cast<int>(passphrase.size()), nullptr, nullptr);
    });
}

/// What a PFX file is encrypted with; no passphrase at all is not the same as an empty one.
class pfx_form
{
public:
    char const* passphrase = "";
    int encryption = NID_aes_256_cbc; ///< Of key and certificates; -1: of neither.
    bool checksum = true;
};

inline std::string pfx_of(EVP_PKEY* key, X509* leaf, std::vector<X509*> const& others, pfx_form const& form)
{
    STACK_OF(X509)* const list = sk_X509_new_null();
    for (X509* const each : others)
        sk_X509_push(list, each);
    PKCS12* const made = PKCS12_create(form.passphrase, "name", key, leaf, list, form.encryption,
                                       form.encryption, 0, form.checksum ? 0 : -1, 0);
    sk_X509_free(list);
    check_made(static_cast<bool>(made));
    std::string const out = written([made](BIO* to) { return i2d_PKCS12_bio(to, made); });
    PKCS12_free(made);
    return out;
}

/// One client, its authorities and what does not fit them; new in each process.
class client_certificates
{
public:
    static client_certificates const& get()
    {
        static client_certificates const all;
        return all;
    }

    key_ptr key;
    certificate_ptr leaf;         ///< For key, from intermediate.
    certificate_ptr intermediate; ///< From root.
    certificate_ptr root;
    key_ptr other_key;
    certificate_ptr other; ///< For other_key, from itself.

    /// Key and leaf alone, in one text.
    std::string pem() const { return pem_of(key.get()) + pem_of(leaf.get()); }

    /// For any key, from itself.
    static certificate_ptr self_signed(EVP_PKEY* key, std::string const& name)
    {
        certificate_ptr made = maker::make(name, key, nullptr, key, {{NID_key_usage, "digitalSignature"}});
        check_made(static_cast<bool>(made));
        return made;
    }

    static key_ptr rsa_key(unsigned bits)
    {
        key_ptr made(EVP_RSA_gen(bits));
        check_made(static_cast<bool>(made));
        return made;
    }

private:
    using maker = hdikafka::detail::emulation::certificate_maker;

    client_certificates() : key(rsa_key(2048)), other_key(rsa_key(2048))
    {
        std::vector<std::pair<int, std::string>> const authority{
            {NID_basic_constraints, "critical,CA:TRUE"}, {NID_key_usage, "critical,keyCertSign,cRLSign"}};
        key_ptr const root_key = maker::make_key();
        key_ptr const intermediate_key = maker::make_key();
        root = maker::make("root", root_key.get(), nullptr, root_key.get(), authority);
        check_made(static_cast<bool>(root));
        intermediate =
            maker::make("intermediate", intermediate_key.get(), root.get(), root_key.get(), authority);
        check_made(static_cast<bool>(intermediate));
        leaf = maker::make("client", key.get(), intermediate.get(), intermediate_key.get(),
                           {{NID_key_usage, "digitalSignature"}});
        check_made(static_cast<bool>(leaf));
        other = self_signed(other_key.get(), "other");
    }
};

/// A folder of its own for a test's files, which goes with it.
class scratch_folder
{
public:
    scratch_folder()
    {
        std::random_device random;
        do
            path_ = std::filesystem::temp_directory_path() / ("hdikafka-test-" + std::to_string(random()));
        while (!std::filesystem::create_directory(path_));
    }
    scratch_folder(scratch_folder const&) = delete;
    scratch_folder& operator=(scratch_folder const&) = delete;
    ~scratch_folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::string path(std::string_view name) const { return (path_ / name).string(); }

    /// Writes a file and gives its path.
    std::string file(std::string_view name, std::string_view content) const
    {
        std::string const to = path(name);
        std::ofstream out(to, std::ios::binary);
        out << content;
        out.close();
        check_made(out.good());
        return to;
    }

private:
    std::filesystem::path path_;
};

} // namespace test

#endif
