"""AEDAT 2, 3.1 and 4, the files of jAER, cAER and DV: their headers, records and packets, and what lies in them."""
