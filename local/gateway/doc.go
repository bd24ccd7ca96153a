// Package gateway (being written).
package gateway
