package durable

import "syscall"

// incarnation reads the identifier of the system's boot. Mounts have none.
func incarnation(string) (i Incarnation) {
	i.Boot, _ = syscall.Sysctl("kern.bootsessionuuid")
	return i
}
