// OpenSSL's objects as C++ objects.
#ifndef HDIKAFKA_DETAIL_BASE_OPENSSL_HANDLE_HPP
#define HDIKAFKA_DETAIL_BASE_OPENSSL_HANDLE_HPP

#include <hdikafka/version.hpp>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Owns an OpenSSL object.
template <class T, auto Free>
class openssl_handle
{
public:
    openssl_handle() = default;
    explicit openssl_handle(T* object) noexcept : object_(object) {}
    openssl_handle(openssl_handle&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    openssl_handle& operator=(openssl_handle other) noexcept
    {
        std::swap(object_, other.object_);
        return *this;
    }
    ~openssl_handle() { Free(object_); }

    T* get() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }

private:
    T* object_ = nullptr;
};

using ssl_ctx_ptr = openssl_handle<SSL_CTX, &SSL_CTX_free>;
using ssl_ptr = openssl_handle<SSL, &SSL_free>;
using bio_ptr = openssl_handle<BIO, &BIO_free_all>;
using x509_ptr = openssl_handle<X509, &X509_free>;
using tls_session_ptr = openssl_handle<SSL_SESSION, &SSL_SESSION_free>;
using pkey_ptr = openssl_handle<EVP_PKEY, &EVP_PKEY_free>;
using digest_context_ptr = openssl_handle<EVP_MD_CTX, &EVP_MD_CTX_free>;

/// Empty when OpenSSL lacks that kind.
inline std::string digest_of(std::string_view bytes, EVP_MD const* kind)
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, kind, nullptr) != 1)
        size = 0;
    return std::string(reinterpret_cast<char const*>(digest.data()), size);
}

inline std::string certificate_der(X509* from)
{
    unsigned char* der = nullptr;
    int const size = i2d_X509(from, &der);
    std::string out(reinterpret_cast<char const*>(der), size > 0 ? static_cast<std::size_t>(size) : 0);
    OPENSSL_free(der);
    return out;
}

} // namespace hdikafka::inline v0_1::detail

#endif
